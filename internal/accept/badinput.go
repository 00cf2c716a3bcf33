package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"damson/internal/archive"
)

// badFile is an input that import must refuse.
type badFile struct {
	name  string
	data  []byte
	flags []string
	names *regexp.Regexp // what its message must have besides the file's name
}

var (
	namesOffset = regexp.MustCompile(`(?i)(offset|octet|byte)s? \d+`)
	namesAny    = regexp.MustCompile(`.`)
)

// badFiles spoils a trace step in the ways that the point lists. A flipped bit in the prior root or in the
// block's parent must be noticed whatever else a file may say.
func badFiles(step []byte, seed uint64) []badFile {
	random := rand.New(rand.NewPCG(seed, 0))
	flip := func(at, bit int) []byte {
		data := append([]byte(nil), step...)
		data[at] ^= 1 << bit
		return data
	}
	bad := []badFile{
		{name: "empty.bin", data: nil, names: namesOffset},
		{name: "overlong.bin", data: append(append([]byte(nil), step...), 0), names: namesOffset},
		{name: "noise.bin", data: noise(random, 4096), names: namesAny},
		{name: "flip-root.bin", data: flip(random.IntN(32), random.IntN(8)), names: namesAny},
		{name: "flip-count.bin", data: flip(32, 7), names: namesOffset},
		{name: "wrong-spec.bin", data: step, flags: []string{"--spec", "full"}, names: namesAny},
		{name: "empty.tar.zst", data: nil, names: namesAny},
		{name: "noise.tar.zst", data: noise(random, 4096), names: namesAny},
	}
	for i := range 20 {
		n := random.IntN(len(step))
		bad = append(bad, badFile{name: fmt.Sprintf("cut-%02d-at-%d.bin", i, n), data: step[:n], names: namesOffset})
	}
	return bad
}

func noise(random *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func badInput(h *hall) (string, error) {
	step, err := firstStep(filepath.Join(h.vectors, "traces", "storage_light.tar.zst"))
	if err != nil {
		return "", err
	}
	var errs []error
	all := badFiles(step, h.seed)
	for _, bad := range all {
		at := filepath.Join(h.tmp, bad.name)
		if err := os.WriteFile(at, bad.data, 0o600); err != nil {
			return "", err
		}
		o, err := h.runDamson(append(append([]string{"import"}, bad.flags...), at)...)
		if err != nil {
			return "", err
		}
		if err := bad.judge(o); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", bad.name, err))
		}
	}
	return fmt.Sprintf("%d files refused", len(all)-len(errs)), errors.Join(errs...)
}

// judge wants exit status 1 and, of all that is printed, a single line about this file.
func (bad badFile) judge(o *outcome) error {
	var about []string
	for line := range strings.Lines(o.stderr + "\n" + o.stdout) {
		if strings.Contains(line, bad.name) {
			about = append(about, strings.TrimSpace(line))
		}
	}
	switch {
	case strings.Contains(o.stderr, "goroutine "):
		return errors.New("panic")
	case o.status != 1:
		return fmt.Errorf("exit status %d, want 1 (%q)", o.status, o.stderr)
	case strings.Count(o.stderr, "\n") > 1:
		return fmt.Errorf("more than a line: %q", o.stderr)
	case len(about) != 1:
		return fmt.Errorf("%d lines name the file, want 1 (%q)", len(about), o.stderr)
	case !bad.names.MatchString(strings.ReplaceAll(about[0], bad.name, "")):
		return fmt.Errorf("the line does not name the offset: %q", about[0])
	}
	return nil
}

func firstStep(path string) ([]byte, error) {
	var step []byte
	err := archive.Read(path, func(name string, data []byte) error {
		if step == nil && filepath.Base(name) == "00000001.bin" {
			step = data
		}
		return nil
	})
	if err == nil && step == nil {
		err = fmt.Errorf("%s: no step 00000001.bin", path)
	}
	return step, err
}
