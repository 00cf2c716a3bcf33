package state_test

import (
	"bytes"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/node/trace"
	"damson/state"
	"damson/state/trie"
)

// encoder is what every component does.
type encoder interface{ AppendTo([]byte) []byte }

// decodeAny decodes the value of a key as the key's first octet says.
func decodeAny(s *state.State, key protocol.StateKey) (encoder, error) {
	component, err := s.Component(state.Component(key[0]))
	c, _ := component.(encoder) // the slot is a number, whose encoding needs no test
	return c, err
}

// TestComponentsRoundTrip decodes and encodes every component of the states of every fifth step of all traces.
func TestComponentsRoundTrip(t *testing.T) {
	p := protocol.Tiny()
	n := 0
	for f := range vectors.Files(t, "traces", ".bin") {
		if strings.HasSuffix(f.Name, "genesis.bin") {
			continue
		}
		if n++; n%5 != 0 {
			continue
		}
		step, err := trace.DecodeStep(f.Data, p)
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		s, err := step.Post.State(p)
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		for key, value := range s.All() {
			switch {
			case key == (protocol.StateKey{0: key[0]}):
				c, err := decodeAny(s, key)
				if err != nil {
					t.Fatalf("%s: %v", f.Path, err)
				}
				if c != nil && !bytes.Equal(c.AppendTo(nil), value) {
					t.Fatalf("%s: %s encodes as %x, want %x", f.Path, state.Component(key[0]), c.AppendTo(nil), value)
				}
			case key[0] == 255 && len(value) == state.AccountSize:
				var a state.Account
				d := codec.NewDecoder(value)
				a.DecodeFrom(&d)
				if err := d.Finish(); err != nil || !bytes.Equal(a.AppendTo(nil), value) {
					t.Fatalf("%s: account %x does not come back: %v", f.Path, value, err)
				}
			}
		}
	}
}

// TestReportOfNoCore gives a state whose report names a core that the chain has not: whoever counts by core must not see it.
func TestReportOfNoCore(t *testing.T) {
	p := protocol.Tiny()
	for core, good := range map[protocol.Core]bool{0: true, 1: true, 2: false, 1<<16 - 1: false} {
		reports := state.Reports{{Report: block.Report{Core: core}}, nil}
		s := state.New(p, []trie.Change{{Key: state.ReportsKey.Key(), Value: reports.AppendTo(nil)}})
		if _, err := s.Reports(); (err == nil) != good {
			t.Errorf("core %d: %v", core, err)
		}
	}
}
