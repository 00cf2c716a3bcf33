package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"damson/internal/vectors"
)

// options are those of `accept point`.
type options struct {
	part     int
	only     string
	fuzzTime time.Duration
	seed     uint64
}

// point is an acceptance point of the plan. A point that cannot be run has failed.
type point struct {
	name, about string
	run         func(h *hall) (figure string, err error)
}

// parts holds the points of each part of the plan.
var parts = map[int][]point{1: part1, 2: part2, 3: part3, 4: part4, 5: part5, 6: part6}

// hall is what points share: where things are, and what one found out that another needs too.
type hall struct {
	options
	vectors string // folder of the official vectors
	tmp     string // removed at the end
	binary  string // cmd/damson, once built
	bench   []benchLine
}

func points(o options) error {
	todo, ok := parts[o.part]
	if !ok {
		return fmt.Errorf("part %d has no acceptance points here yet", o.part)
	}
	root, ok := vectors.Find()
	if !ok {
		return fmt.Errorf("no official vectors: set %s (README.md says where they come from)", vectors.Env)
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "accept")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	h := &hall{options: o, vectors: root, tmp: tmp}
	failed := 0
	for _, p := range todo {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), p.name) {
			continue
		}
		start := time.Now()
		figure, err := p.run(h)
		verdict := "PASS"
		if err != nil {
			verdict = "FAIL"
			failed++
			figure = strings.TrimPrefix(figure+"; "+oneLine(err), "; ")
		}
		fmt.Printf("%s %s %s: %s [seed %d, %s]\n", verdict, p.name, p.about, figure, o.seed, time.Since(start).Round(time.Second))
	}
	if failed > 0 {
		return errFailed
	}
	return nil
}

// oneLine words an error, joined ones as well, in one line of a bearable length.
func oneLine(err error) string {
	const longest = 1200
	s := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
	if len(s) > longest {
		s = s[:longest] + " …"
	}
	return s
}

// ordinary is the environment of tests at the size of `make test`, of which none may be skipped.
func (h *hall) ordinary() []string {
	return []string{"CI=true", vectors.Env + "=" + h.vectors, fmt.Sprintf("DAMSON_SEED=%d", h.seed)}
}

// thorough is the environment of a test at full size.
func (h *hall) thorough() []string { return append(h.ordinary(), "DAMSON_THOROUGH=1") }

// damson builds the binary once and returns its path.
func (h *hall) damson() (string, error) {
	if h.binary != "" {
		return h.binary, nil
	}
	at := filepath.Join(h.tmp, "damson")
	if out, err := command(nil, ".", "go", "build", "-o", at, "./cmd/damson"); err != nil {
		return "", fmt.Errorf("build cmd/damson: %w: %s", err, out)
	}
	h.binary = at
	return at, nil
}

// command runs a program in dir and returns both its outputs together.
func command(env []string, dir, name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// outcome is how a run of the binary ended.
type outcome struct {
	stdout, stderr string
	status         int
	peakKiB        int64
}

// runDamson runs the binary to its end.
func (h *hall) runDamson(args ...string) (*outcome, error) {
	binary, err := h.damson()
	if err != nil {
		return nil, err
	}
	c := exec.Command(binary, args...)
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return nil, err
	}
	return &outcome{stdout.String(), stderr.String(), c.ProcessState.ExitCode(), peakKiB(c.ProcessState)}, nil
}
