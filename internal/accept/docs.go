package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"damson/internal/docrun"
)

// documents are the files whose commands are run.
var documents = []string{"README.md", "docs/SERVICES.md"}

// runDocuments runs the commands of documents as a new user would: in a fresh clone of this repository, with an empty home, and without
// the official vectors. With learn it writes what is printed into the empty text blocks of the files here.
func runDocuments(paths []string, learn bool) (marks map[string]time.Duration, err error) {
	if len(paths) == 0 {
		paths = documents
	}
	tmp, err := os.MkdirTemp("", "docs")
	if err != nil {
		return nil, err
	}
	defer func() {
		_, modeErr := command(nil, tmp, "chmod", "-R", "u+w", ".") // the module cache is read-only
		err = errors.Join(err, modeErr, os.RemoveAll(tmp))
	}()
	marks = map[string]time.Duration{}
	env, err := newcomer(tmp)
	if err != nil {
		return nil, err
	}
	clone := filepath.Join(tmp, "src", "damson")
	if err := freshClone(clone); err != nil {
		return nil, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return marks, err
		}
		blocks, err := docrun.Parse(string(text))
		if err != nil {
			return marks, fmt.Errorf("%s: %w", path, err)
		}
		fmt.Println(path)
		r := docrun.Runner{Dir: clone, Env: env, Learn: learn, Print: func(line string) { fmt.Println(line) }}
		start := time.Now()
		err = r.Run(context.Background(), blocks)
		for name, took := range r.Marks {
			marks[name] = took
		}
		if err != nil {
			return marks, fmt.Errorf("%s: %w", path, err)
		}
		fmt.Printf("%s: %.0f s\n", path, time.Since(start).Seconds())
		if learn && len(r.Fresh) > 0 {
			if err := os.WriteFile(path, []byte(docrun.Fill(string(text), r.Fresh)), 0o600); err != nil {
				return marks, err
			}
		}
	}
	return marks, nil
}

// newcomer is the environment of somebody who has Go and nothing else: an empty home, and so an empty build cache. Modules come from
// the cache of this machine, in place of the network.
func newcomer(tmp string) ([]string, error) {
	home := filepath.Join(tmp, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=dumb", "TMPDIR=" + tmp}
	for _, name := range []string{"GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOFLAGS"} {
		value, err := command(nil, ".", "go", "env", name)
		if err != nil {
			return nil, fmt.Errorf("go env %s: %w", name, err)
		}
		env = append(env, name+"="+strings.TrimSpace(value))
	}
	return env, nil
}
