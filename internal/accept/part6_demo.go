package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// demoStory is what `damson demo --json` tells of a demo.
type demoStory struct {
	Demo    string `json:"demo"`
	Steps   []any  `json:"steps"`
	Verdict []struct {
		Claim string `json:"claim"`
		Holds bool   `json:"holds"`
		Found string `json:"found"`
	} `json:"verdict"`
	Passed  bool    `json:"passed"`
	Error   string  `json:"error"`
	Seconds float64 `json:"seconds"`
}

// allDemos are those that there must be.
var allDemos = []string{"single", "network", "authoring", "consensus", "availability", "auditing"}

// demos runs every demo at its normal speed, by a binary built in a fresh clone, and then breaks the duty of each.
func demos(h *hall) (string, error) {
	clone := filepath.Join(h.tmp, "clone")
	if err := freshClone(clone); err != nil {
		return "", err
	}
	if out, err := command(nil, clone, "go", "build", "-o", "damson", "./cmd/damson"); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	home := filepath.Join(h.tmp, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", err
	}
	var said []string
	for _, name := range allDemos {
		out, err := command([]string{"HOME=" + home}, clone, filepath.Join(clone, "damson"), "demo", name, "--json")
		var s demoStory
		line, _, _ := strings.Cut(out, "\n")
		if bad := json.Unmarshal([]byte(line), &s); bad != nil {
			return strings.Join(said, "; "), errors.Join(err, bad)
		}
		said = append(said, fmt.Sprintf("%s %.0f s, %d claims", name, s.Seconds, len(s.Verdict)))
		if err := errors.Join(err, s.check(name)); err != nil {
			return strings.Join(said, "; "), err
		}
	}
	figures, err := h.tests(testOptions{run: "^(TestFaults|TestDemo)$", packages: []string{"./node/demo", "./cmd/damson"}, timeout: 20 * time.Minute})
	return strings.Join(append(said, figures...), "; "), err
}

// check says what is not as it must be.
func (s *demoStory) check(name string) error {
	const longest = 60
	var errs []error
	for _, c := range s.Verdict {
		if !c.Holds {
			errs = append(errs, fmt.Errorf("%s: not so: %s: %s", name, c.Claim, c.Found))
		}
	}
	switch {
	case s.Demo != name || len(s.Steps) < 3 || len(s.Verdict) < 3:
		errs = append(errs, fmt.Errorf("%s: %d steps, %d claims", name, len(s.Steps), len(s.Verdict)))
	case !s.Passed:
		errs = append(errs, fmt.Errorf("%s failed: %s", name, s.Error))
	case s.Seconds > longest:
		errs = append(errs, fmt.Errorf("%s took %.0f s", name, s.Seconds))
	}
	return errors.Join(errs...)
}
