// Package replay imports chains from files and checks every state that results: traces as the official test
// vectors have them, in folders, in single files or in archives, or blocks that follow a genesis.
package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"damson/internal/archive"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/difference"
	"damson/node/importer"
	"damson/node/trace"
	"damson/state"
	"damson/state/store"
)

// Options configures New.
type Options struct {
	Params   *protocol.Params
	Importer *importer.Importer
	Store    *store.Store // where blocks are kept, and taken from in place of executing them again; may be nil
	RootOnly bool         // compare roots, not every entry

	// FinalAfter is how many slots beyond a block the best must be for it to be final, which lets the store drop what is old.
	// 0 means that nothing becomes final, as it must be if the paths hold several chains.
	FinalAfter protocol.Slot

	Progress func(path string) // called before each step; may be nil

	// Refusal gives the rule for which the block of a step must be refused, or nothing if any will do; may be nil.
	Refusal func(path string) protocol.Invalid
}

// Replay imports steps and keeps count of them.
type Replay struct {
	opts    Options
	chain   *importer.Chain
	family  string // the folder of the steps that chain belongs to
	times   []time.Duration
	summary Summary

	nextFinal protocol.Slot // the first slot worth making final
}

// New makes a Replay.
func New(o Options) *Replay {
	return &Replay{opts: o, chain: importer.NewStoredChain(o.Importer, o.Store), summary: Summary{Failures: []Failure{}}}
}

// Summary gives what was done so far.
func (r *Replay) Summary() *Summary {
	s := r.summary
	s.fill(r.times)
	return &s
}

// Path imports what a path holds: a folder of steps, an archive, or one step. An error is about the path itself;
// blocks that do not do as expected are counted.
func (r *Replay) Path(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		return r.folder(path)
	case archive.Is(path):
		return archive.Read(path, func(name string, data []byte) error { return r.File(path+":"+name, data) })
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return r.File(path, data)
}

func (r *Replay) folder(path string) error {
	count := 0
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		step := strings.HasSuffix(name, ".bin") || archive.Is(name)
		if err != nil || entry.IsDir() || !step {
			return err
		}
		count++
		return r.Path(name)
	})
	if err == nil && count == 0 {
		return fmt.Errorf("%s: no .bin step and no .tar.zst archive in this folder", path)
	}
	return err
}

// File imports one member of a trace: its genesis, or a step.
func (r *Replay) File(path string, data []byte) error {
	if !strings.HasSuffix(path, ".bin") {
		return nil
	}
	if family := filepath.Dir(path); family != r.family {
		r.family, r.chain = family, importer.NewStoredChain(r.opts.Importer, r.opts.Store)
	}
	if filepath.Base(path) == "genesis.bin" {
		return r.genesis(path, data)
	}
	step, err := trace.DecodeStep(data, r.opts.Params)
	if err != nil {
		return fileError(path, err)
	}
	return r.step(path, step)
}

// fileError names the file beside the offset, field and rule that the codec found.
func fileError(path string, err error) error {
	hint := ""
	if e, ok := errors.AsType[*codec.Error](err); ok && e.Offset > 0 && !errors.Is(err, trace.ErrRoot) {
		hint = " (is it of another chain? see --spec)"
	}
	return fmt.Errorf("%s: %w%s", path, err, hint)
}

// step imports a block and judges what came of it.
func (r *Replay) step(path string, step *trace.Step) error {
	if r.opts.Progress != nil {
		r.opts.Progress(path)
	}
	if err := r.begin(path, step); err != nil {
		return err
	}
	post, err := r.take(step.Block)
	if why := r.judge(path, step, post, err); why != "" {
		r.fail(path, strings.TrimSuffix(filepath.Base(path), ".bin"), why)
	}
	return nil
}

// take imports a block, timed and counted.
func (r *Replay) take(octets []byte) (*state.State, error) {
	start := time.Now()
	post, err := r.chain.Import(octets)
	if err == nil {
		err = r.finalize()
	}
	r.times = append(r.times, time.Since(start))
	r.summary.Steps++
	return post, err
}

// fail records a block that did not do as expected.
func (r *Replay) fail(path, step, why string) {
	r.summary.Failed++
	r.summary.Failures = append(r.summary.Failures, Failure{Path: path, Step: step, Reason: why})
}

// begin makes the step's prior state that of the block's parent, unless the parent was imported here, or the state is not
// the parent's: a block may name one that does not exist.
func (r *Replay) begin(path string, step *trace.Step) error {
	var v block.View
	if err := v.Decode(step.Block, r.opts.Params); err != nil {
		return fileError(path, err)
	}
	known, ok, err := r.chain.State(v.Header.Parent)
	if err != nil {
		return err
	}
	ok = ok && known.Root() == step.Pre.Root
	if ok && r.opts.RootOnly {
		return nil
	}
	pre, err := step.Pre.State(r.opts.Params)
	if err != nil {
		return fileError(path, fmt.Errorf("pre_state: %w", err))
	}
	if ok || !follows(pre, v.Header.Parent) {
		return nil
	}
	return r.chain.Put(v.Header.Parent, pre)
}

// follows says whether a state can be that after a block: the last block that it remembers, if it can be asked, is the one.
func follows(s *state.State, header protocol.Hash) bool {
	recent, err := s.Recent()
	if err != nil || len(recent.Blocks) == 0 {
		return true
	}
	return recent.Blocks[len(recent.Blocks)-1].HeaderHash == header
}

// judge says what is wrong with the outcome of a step, in one line; nothing is if it is empty.
func (r *Replay) judge(path string, step *trace.Step, post *state.State, err error) string {
	_, invalid := errors.AsType[protocol.Invalid](err)
	switch {
	case err != nil && !invalid:
		return fmt.Sprintf("offset %d: block: this node failed: %v", step.BlockOffset, err)
	case step.Refused() && err == nil:
		return fmt.Sprintf("offset %d: block: accepted with root %s, must be refused", step.BlockOffset, post.Root())
	case err != nil && !step.Refused():
		return fmt.Sprintf("offset %d: block: refused: %v; must be accepted with root %s", step.BlockOffset, err, step.Post.Root)
	}
	if step.Refused() && r.opts.Refusal != nil {
		if rule := r.opts.Refusal(path); rule != "" && !errors.Is(err, rule) {
			return fmt.Sprintf("offset %d: block: refused: %v; must be refused for %v", step.BlockOffset, err, rule)
		}
	}
	if why := r.compare(step, post); why != "" {
		return why
	}
	if step.Refused() {
		r.summary.Rejected++
	} else {
		r.summary.Imported++
	}
	return ""
}

// compare holds the state after a step against that in the file. Post is nil after a block that was refused.
func (r *Replay) compare(step *trace.Step, post *state.State) string {
	if post != nil && post.Root() == step.Post.Root && r.opts.RootOnly {
		return ""
	}
	want, err := step.Post.State(r.opts.Params)
	switch {
	case err != nil:
		return fmt.Sprintf("post_state: %v", err)
	case post == nil:
		return ""
	}
	diff := difference.States(post, want, 5)
	switch {
	case post.Root() != want.Root():
		return fmt.Sprintf("offset %d: post_state: root %s, want %s: %s", step.Post.Offset, post.Root(), want.Root(), diff)
	case diff != "":
		return fmt.Sprintf("offset %d: post_state: equal roots, but %s", step.Post.Offset, diff)
	}
	return ""
}
