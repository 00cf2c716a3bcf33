package replay_test

import (
	"testing"

	"damson/internal/block"
	"damson/internal/devchain"
	"damson/interp"
	"damson/node/importer"
	"damson/node/replay"
	"damson/node/trace"
)

// TestParentThatIsNone replays a block, good but for its parent, which does not exist. That the trace gives a state before
// it must not make it good.
func TestParentThatIsNone(t *testing.T) {
	c, err := devchain.Own(interp.New())
	if err != nil {
		t.Fatal(err)
	}
	b := devchain.New(devchain.Options{Params: c.Params, Engine: interp.New()})
	im, err := importer.New(importer.Options{Params: c.Params, Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*block.Header){
		"a good block":       nil,
		"of no known parent": func(h *block.Header) { h.Parent[0] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			tip := &devchain.Tip{Header: c.Header.Hash(), State: c.Genesis}
			draft, err := b.Draft(tip, 1)
			if err != nil {
				t.Fatal(err)
			}
			draft.Header = change
			octets, err := draft.Seal()
			if err != nil {
				t.Fatal(err)
			}
			step := trace.Step{Pre: trace.Raw(tip.State), Block: octets, Post: trace.Raw(tip.State)}
			if change == nil {
				post, err := b.Apply(tip, octets)
				if err != nil {
					t.Fatal(err)
				}
				step.Post = trace.Raw(post.State)
			}
			r := replay.New(replay.Options{Params: c.Params, Importer: im})
			if err := r.File("made/00000001.bin", step.AppendTo(nil)); err != nil {
				t.Fatal(err)
			}
			if s := r.Summary(); s.Failed != 0 {
				t.Error(s.Failures[0].Reason)
			}
		})
	}
}
