// Package suites runs the official conformance vectors, as they lie in a checkout of the repositories that publish
// them, against this node: outside any test, so that a released binary can show what it conforms to.
//
// find.go tells by its path which suite a file belongs to. There is a file for every suite, which decodes a vector, runs
// the part that it is about and compares. The tests of the parts check more of each vector; what is here is what the
// vector says.
package suites

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"damson/internal/archive"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/node/conformance"
	"damson/node/importer"
	"damson/node/replay"
	"damson/state/claim"
)

// Options configures New. Engine must be set.
type Options struct {
	Engine   pvm.Engine
	Chain    string                   // "tiny" or "full": leave out vectors of the other; empty means both
	Progress func(suite, path string) // called before each file; may be nil
}

// Failure is a vector that came out otherwise than it should.
type Failure struct {
	Path   string `json:"path"`
	Reason string `json:"reason"` // the first difference
}

// Result is what came of a suite.
type Result struct {
	Suite    string    `json:"suite"`
	Chain    string    `json:"chain,omitempty"` // tiny or full, where it makes a difference
	Passed   int       `json:"passed"`
	Failed   int       `json:"failed"`
	Seconds  float64   `json:"seconds"`
	Failures []Failure `json:"failures"`
	Note     string    `json:"note,omitempty"` // why vectors were left out
}

// file is one file of vectors, or a member of an archive.
type file struct {
	path   string // for people
	name   string // without folders and ending
	dir    string
	chain  string
	params *protocol.Params
	data   []byte
}

// Runner runs vectors and keeps count of them.
type Runner struct {
	opts     Options
	verifier *claim.Verifier
	importer *importer.Importer // of the tiny chain, as all traces and sessions are
	replays  map[string]*replay.Replay
	session  recording
	target   *conformance.Target
	results  map[[2]string]*Result
}

// New makes a Runner.
func New(o Options) (*Runner, error) {
	verifier := claim.New(claim.Options{})
	tiny := protocol.Tiny()
	im, err := importer.New(importer.Options{Params: tiny, Engine: o.Engine})
	if err != nil {
		return nil, err
	}
	return &Runner{
		opts: o, verifier: verifier, importer: im, replays: make(map[string]*replay.Replay),
		target:  conformance.NewTarget(conformance.TargetOptions{Params: tiny, Importer: im}),
		results: make(map[[2]string]*Result),
	}, nil
}

// Results gives what came of the suites, in the order of their names.
func (r *Runner) Results() []*Result {
	var all []*Result
	for _, result := range r.results {
		all = append(all, result)
	}
	slices.SortFunc(all, func(a, b *Result) int {
		return strings.Compare(a.Suite+" "+a.Chain, b.Suite+" "+b.Chain)
	})
	return all
}

// Path runs all vectors below a folder, or those in one file. An error is about reading.
func (r *Runner) Path(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && name != path:
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		case archive.Is(name):
			return archive.Read(name, func(member string, data []byte) error {
				at := filepath.Join(filepath.Dir(name), filepath.FromSlash(member))
				return r.file(at, name+": "+member, func() ([]byte, error) { return data, nil })
			})
		}
		return r.file(name, name, func() ([]byte, error) { return os.ReadFile(name) })
	})
}

// file runs the vectors of one file, if it has any.
func (r *Runner) file(at, shown string, read func() ([]byte, error)) error {
	s, chain := find(at)
	if s == nil || r.opts.Chain != "" && chain != "" && chain != r.opts.Chain {
		return nil
	}
	data, err := read()
	if err != nil {
		return err
	}
	if r.opts.Progress != nil {
		r.opts.Progress(s.name, shown)
	}
	result := r.results[[2]string{s.name, chain}]
	if result == nil {
		result = &Result{Suite: s.name, Chain: chain, Failures: []Failure{}}
		r.results[[2]string{s.name, chain}] = result
	}
	base := filepath.Base(at)
	f := &file{
		path: shown, name: strings.TrimSuffix(base, filepath.Ext(base)), dir: filepath.Dir(at), chain: chain, data: data,
		params: protocol.Tiny(),
	}
	if chain == "full" {
		f.params = protocol.Full()
	}
	start := time.Now()
	r.run(s, f, result)
	result.Seconds += time.Since(start).Seconds()
	return nil
}

// run runs the vectors of a file. One that makes the program panic has failed like any other.
func (r *Runner) run(s *suite, f *file, result *Result) {
	defer func() {
		if fault := recover(); fault != nil {
			result.judge(f.path, fmt.Errorf("panic: %v\n%s", fault, debug.Stack()))
		}
	}()
	s.run(r, f, result)
}

// judge counts a vector, which passed if the error is nil.
func (r *Result) judge(path string, err error) {
	if err == nil {
		r.Passed++
		return
	}
	r.Failed++
	r.Failures = append(r.Failures, Failure{path, err.Error()})
}
