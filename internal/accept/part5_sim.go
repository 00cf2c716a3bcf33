package main

import (
	"strings"
	"time"
)

// badWork runs five hundred seeds in which some do wrong with packages, some again, and plants mistakes to see that they are
// noticed.
func badWork(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run: "^(TestWork|TestWorkReplay|TestWorkMistakes)$", packages: []string{simPackage}, timeout: 2 * time.Hour,
	})
	return strings.Join(figures, "; "), err
}
