package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// How long a newcomer waits, at most. The names are those of marks in the documents.
var waits = []struct {
	mark, about string
	most        time.Duration
}{
	{"testnet", "testnet up and dashboard visible, with the build", 3 * time.Minute},
	{"service", "first service deployed and called", 10 * time.Minute},
}

// documentation runs the commands of the documents as a newcomer would.
func documentation(h *hall) (string, error) {
	figures, err := h.tests(testOptions{run: "^TestRelease$", packages: []string{"./internal/tidy"}, timeout: 20 * time.Minute})
	marks, failed := runDocuments(nil, false)
	err = errors.Join(err, failed)
	for _, w := range waits {
		took, reached := marks[w.mark]
		if !reached {
			err = errors.Join(err, fmt.Errorf("%s: not reached", w.about))
			continue
		}
		figures = append(figures, fmt.Sprintf("%s after %.0f s (must: %.0f s)", w.about, took.Seconds(), w.most.Seconds()))
		if took > w.most {
			err = errors.Join(err, fmt.Errorf("%s: %v is too long", w.about, took))
		}
	}
	return strings.Join(figures, ", "), err
}

// workbench takes apart, puts together and compares all programs there are, and links the examples in C.
func workbench(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run:      "^(TestRoundTrip|TestDiffPrograms|TestDiffShared|TestServiceCodes|TestDiffFinds|TestDiffSabotaged|TestCalc|TestTally|TestTallyOnChain|TestPVMLink)",
		packages: []string{"./internal/workbench", "./internal/asm/...", "./cmd/damson"}, timeout: 20 * time.Minute,
	})
	return strings.Join(figures, "; "), err
}
