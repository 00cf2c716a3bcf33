package state_test

import (
	"bytes"
	"testing"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/node/trace"
	"damson/state"
	"damson/state/trie"
)

// FuzzEntry gives any octets to a component's decoder, chosen by the first of them, or to an account's. What decodes
// must encode to the same octets.
func FuzzEntry(f *testing.F) {
	seedEntries(f)
	f.Fuzz(func(t *testing.T, chapter byte, value []byte) {
		if chapter == 255 {
			var a state.Account
			d := codec.NewDecoder(value)
			if a.DecodeFrom(&d); d.Finish() == nil && !bytes.Equal(a.AppendTo(nil), value) {
				t.Errorf("account %x encodes as %x", value, a.AppendTo(nil))
			}
			return
		}
		key := state.Component(chapter).Key()
		s := state.New(protocol.Tiny(), []trie.Change{{Key: key, Value: value}})
		c, err := decodeAny(s, key)
		if err == nil && c != nil && !bytes.Equal(c.AppendTo(nil), value) {
			t.Errorf("%s %x encodes as %x", state.Component(chapter), value, c.AppendTo(nil))
		}
	})
}

// FuzzRequest does the same with the slots of a preimage request.
func FuzzRequest(f *testing.F) {
	f.Add([]byte{1, 5, 0, 0, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		slots, err := state.DecodeRequest(value)
		if err == nil && !bytes.Equal(state.AppendRequest(nil, slots), value) {
			t.Errorf("request %x encodes differently", value)
		}
	})
}

// seedEntries begins with the components of one official state, where the vectors are at hand.
func seedEntries(f *testing.F) {
	if _, ok := vectors.Find(); !ok {
		return
	}
	for file := range vectors.Files(f, "traces/storage", "00000050.bin") {
		step, err := trace.DecodeStep(file.Data, protocol.Tiny())
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range step.Post.Entries {
			small := len(e.Value) < 2500 // is tried more often
			if component := e.Key == (protocol.StateKey{0: e.Key[0]}); small && (component || e.Key[0] == 255) {
				f.Add(e.Key[0], e.Value)
			}
		}
	}
}
