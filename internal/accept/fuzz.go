package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// target is a fuzz target: go test runs one at a time.
type target struct{ pkg, name string }

func (t target) String() string { return strings.TrimPrefix(t.pkg, "damson/") + "." + t.name }

// targets lists every fuzz target of the packages. They need not be registered anywhere.
func targets(packages []string) ([]target, error) {
	command := exec.Command("go", append([]string{"test", "-list", "^Fuzz"}, packages...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list fuzz targets: %w", err)
	}
	var found, pending []target
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			pending = append(pending, target{name: fields[0]})
		case len(fields) >= 2 && fields[0] == "ok": // closes the package whose targets were listed
			for _, t := range pending {
				found = append(found, target{fields[1], t.name})
			}
			pending = nil
		}
	}
	return found, nil
}

// fuzzOne fuzzes a target and returns the last progress line, or what go test said where it failed.
func fuzzOne(t target, each time.Duration, flags ...string) (string, error) {
	args := []string{"test", "-run=^$", "-fuzz=^" + t.name + "$", "-fuzztime=" + each.String(), "-timeout=0"}
	var out bytes.Buffer
	var err error
	for range 2 {
		out.Reset()
		command := exec.Command("go", append(append(args, flags...), t.pkg)...)
		command.Stdout, command.Stderr = &out, &out
		if err = command.Run(); err == nil || !late(out.String()) {
			break
		}
	}
	if err != nil {
		return out.String(), err
	}
	last := ""
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "fuzz: elapsed") {
			last = strings.TrimSpace(strings.TrimPrefix(line, "fuzz: "))
		}
	}
	return last, nil
}

// late says whether go test failed for nothing but having been slow to end when its time was over, on a busy machine. It then
// names no input, and the target is to be tried again.
func late(said string) bool {
	return strings.Contains(said, "context deadline exceeded") && !strings.Contains(said, "Failing input")
}

// fuzzSideBySide fuzzes one target on each processor, and tells say what came of every one.
func fuzzSideBySide(all []target, long func(target) time.Duration, say func(t target, said string, err error)) []error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	var saying sync.Mutex
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, t := range all {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			said, err := fuzzOne(t, long(t), "-parallel=1")
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w: %s", t, err, said)
			}
			saying.Lock()
			defer saying.Unlock()
			say(t, said, err)
		})
	}
	wg.Wait()
	return errs
}

func fuzz(packages []string, each time.Duration) error {
	all, err := targets(packages)
	if err != nil {
		return err
	}
	failed := 0
	fuzzSideBySide(all, func(target) time.Duration { return each }, func(t target, said string, err error) {
		if err != nil {
			failed++
			fmt.Printf("FAIL %s: %v\n%s", t, err, said)
			return
		}
		fmt.Printf("ok   %s: %s\n", t, said)
	})
	fmt.Printf("%d fuzz targets, %d failed\n", len(all), failed)
	if failed > 0 || len(all) == 0 {
		return errFailed
	}
	return nil
}
