// Package trace reads the files in which chains are exchanged for conformance: a genesis, and steps that each hold a
// block between the states before and after it. The format is that of the official test vectors.
package trace

import (
	"fmt"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/trie"
)

// RawState is a state as its entries, with the root that they are said to have.
type RawState struct {
	Offset  int // where in its file it begins
	Root    protocol.Hash
	Entries []trie.Change // in the file's order; values alias the file
}

// Genesis is the beginning of a chain.
type Genesis struct {
	Header block.Header
	State  RawState
}

// Step is a block with the states around it. A block that is to be refused has equal states.
type Step struct {
	Pre   RawState
	Block []byte // encoded; it aliases the file
	Post  RawState

	BlockOffset int // where in its file the block begins
}

// Refused says whether the block is to be refused.
func (s *Step) Refused() bool { return s.Pre.Root == s.Post.Root }

// ErrRoot is a state whose root is not that of its entries.
const ErrRoot = protocol.Invalid("trace/root_is_not_that_of_the_entries")

// State makes the state of the entries, and checks its root.
func (r *RawState) State(p *protocol.Params) (*state.State, error) {
	s := state.New(p, append([]trie.Change(nil), r.Entries...))
	if got := s.Root(); got != r.Root {
		return nil, &codec.Error{
			Offset: r.Offset, Field: "state_root",
			Rule: fmt.Errorf("%w: says %s, is %s", ErrRoot, r.Root, got),
		}
	}
	return s, nil
}

// DecodeFrom reads a root and entries.
func (r *RawState) DecodeFrom(d *codec.Decoder, name string) {
	d.Field(name + ".state_root")
	r.Offset = d.Offset()
	r.Root = d.Hash()
	r.Entries = DecodeEntries(d, name)
}

// DecodeEntries reads keys and values with their count. Values alias the input.
func DecodeEntries(d *codec.Decoder, name string) []trie.Change {
	d.Field(name + ".keyvals")
	entries := make([]trie.Change, d.Count(1<<30, len(protocol.StateKey{})+1))
	for i := range entries {
		d.Copy(entries[i].Key[:])
		value := d.Blob()
		if value == nil {
			value = []byte{}
		}
		entries[i].Value = value
	}
	return entries
}

// AppendTo appends the root and the entries.
func (r *RawState) AppendTo(b []byte) []byte {
	return AppendEntries(append(b, r.Root[:]...), r.Entries)
}

// AppendEntries appends keys and values with their count.
func AppendEntries(b []byte, entries []trie.Change) []byte {
	b = codec.AppendCount(b, len(entries))
	for i := range entries {
		b = append(b, entries[i].Key[:]...)
		b = codec.AppendBlob(b, entries[i].Value)
	}
	return b
}

// Raw gives the entries of a state.
func Raw(s *state.State) RawState {
	r := RawState{Root: s.Root()}
	for k, v := range s.All() {
		r.Entries = append(r.Entries, trie.Change{Key: k, Value: v})
	}
	return r
}

// DecodeGenesis reads a genesis file.
func DecodeGenesis(b []byte, p *protocol.Params) (*Genesis, error) {
	d := codec.NewDecoder(b)
	g := new(Genesis)
	g.Header.DecodeFrom(&d, p)
	g.State.DecodeFrom(&d, "state")
	return g, d.Finish()
}

// AppendTo appends the genesis file.
func (g *Genesis) AppendTo(b []byte) []byte { return g.State.AppendTo(g.Header.AppendTo(b)) }

// DecodeStep reads a step file.
func DecodeStep(b []byte, p *protocol.Params) (*Step, error) {
	d := codec.NewDecoder(b)
	s := new(Step)
	s.Pre.DecodeFrom(&d, "pre_state")
	before := d.Rest()
	s.BlockOffset = d.Offset()
	var v block.View
	v.DecodeFrom(&d, p)
	s.Block = before[:len(before)-len(d.Rest())]
	s.Post.DecodeFrom(&d, "post_state")
	return s, d.Finish()
}

// AppendTo appends the step file.
func (s *Step) AppendTo(b []byte) []byte {
	return s.Post.AppendTo(append(s.Pre.AppendTo(b), s.Block...))
}
