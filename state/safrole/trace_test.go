package safrole

import (
	"errors"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
	"damson/state/trie"
)

// step is a step of a trace: a block with the states before and after it.
type step struct {
	pre, post *state.State
	view      block.View
}

func decodeStep(t *testing.T, data []byte, p *protocol.Params) *step {
	t.Helper()
	s := new(step)
	d := codec.NewDecoder(data)
	s.pre = decodeEntries(&d, p)
	s.view.DecodeFrom(&d, p)
	s.post = decodeEntries(&d, p)
	if err := d.Finish(); err != nil {
		t.Fatal(err)
	}
	return s
}

func decodeEntries(d *codec.Decoder, p *protocol.Params) *state.State {
	d.Hash() // the root
	entries := make([]trie.Change, d.Count(1<<20, 32))
	for i := range entries {
		d.Copy(entries[i].Key[:])
		entries[i].Value = d.Blob()
	}
	return state.New(p, entries)
}

// must takes the components that a test cannot do without.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func load(t *testing.T, s *state.State) *State {
	t.Helper()
	validators := must[state.Validators](t)
	return &State{
		Slot: must[protocol.Slot](t)(s.Slot()), Entropy: must[*state.Entropy](t)(s.Entropy()),
		Safrole: must[*state.Safrole](t)(s.Safrole()),
		Active:  validators(s.Active()), Previous: validators(s.Previous()),
	}
}

// run applies the part to a step, as the whole transition would, up to the settling of claims.
func (s *step) run(t *testing.T, p *protocol.Params, verifier *claim.Verifier) (*State, error) {
	t.Helper()
	h := &s.view.Header
	entropy, err := FreshEntropy(h)
	if err != nil {
		return nil, err
	}
	in := &Input{
		Slot: h.Slot, Entropy: entropy, Tickets: s.view.Extrinsic.Tickets,
		Staging: must[state.Validators](t)(s.pre.Staging()), Offenders: must[*state.Disputes](t)(s.post.Disputes()).Offenders,
	}
	var claims claim.Set
	post, marks, err := Transition(p, load(t, s.pre), in, ringRoot, &claims)
	if err != nil {
		return nil, err
	}
	if err := CheckHeader(p, h, s.view.UnsignedHeader(), post, marks, &claims); err != nil {
		return nil, err
	}
	for i := range claims.Seals { // in order, so that it is always the same one that is found false
		if err := verifier.Seal(&claims.Seals[i]); err != nil {
			return nil, err
		}
	}
	return post, verifier.Settle(&claims)
}

// TestTraces follows the blocks of two chains: one that is sealed with tickets and one that is not.
func TestTraces(t *testing.T) {
	verifier := claim.New(claim.Options{})
	p := protocol.Tiny()
	for _, suite := range []string{"traces/safrole", "traces/fallback"} {
		sealed := map[bool]int{}
		for f := range vectors.Files(t, suite, ".bin") {
			if strings.HasSuffix(f.Name, "genesis.bin") {
				continue
			}
			s := decodeStep(t, f.Data, p)
			post, err := s.run(t, p, verifier)
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			want := load(t, s.post)
			vectors.Equal(t, f.Path, post, want)
			sealed[post.Safrole.SealKeys.Tickets != nil]++
		}
		if ticketed := sealed[true] > 0; ticketed != (suite == "traces/safrole") || sealed[false] == 0 {
			t.Errorf("%s: %d blocks sealed with tickets, %d without", suite, sealed[true], sealed[false])
		}
	}
}

// epochChange finds a step of a trace in which an epoch begins, whose blocks are sealed with tickets or are not.
func epochChange(t *testing.T, suite string, p *protocol.Params, ticketed bool) []byte {
	t.Helper()
	for f := range vectors.Files(t, suite, ".bin") {
		if strings.HasSuffix(f.Name, "genesis.bin") {
			continue
		}
		s := decodeStep(t, f.Data, p)
		if s.view.Header.EpochMark != nil && (load(t, s.post).Safrole.SealKeys.Tickets != nil) == ticketed {
			return f.Data
		}
	}
	t.Fatalf("%s: no such step", suite)
	return nil
}

// TestBrokenHeader breaks one rule of a good header at a time, in a chain sealed with tickets and in one that is not.
func TestBrokenHeader(t *testing.T) {
	verifier := claim.New(claim.Options{})
	p := protocol.Tiny()
	ticketed, fallback := epochChange(t, "traces/safrole", p, true), epochChange(t, "traces/fallback", p, false)
	for _, tc := range []struct {
		name                       string
		spoil                      func(*block.Header)
		wantTicketed, wantFallback error
	}{
		{"nothing", func(*block.Header) {}, nil, nil},
		{"no epoch mark", func(h *block.Header) { h.EpochMark = nil }, ErrBadEpochMark, ErrBadEpochMark},
		{"entropy in the mark", func(h *block.Header) { h.EpochMark.Entropy[0] ^= 1 }, ErrBadEpochMark, ErrBadEpochMark},
		{"key in the mark", func(h *block.Header) {
			h.EpochMark.Validators[5].Ed25519[0] ^= 1
		}, ErrBadEpochMark, ErrBadEpochMark},
		{"winners mark", func(h *block.Header) {
			h.WinnersMark = make([]block.Ticket, p.EpochLength)
		}, ErrBadWinnersMark, ErrBadWinnersMark},
		{"author out of range", func(h *block.Header) { h.Author = 6 }, ErrBadAuthor, ErrBadAuthor},
		{"another author", func(h *block.Header) { h.Author = (h.Author + 1) % 6 }, ErrBadSeal, ErrWrongAuthor},
		{"output of the seal", func(h *block.Header) { h.Seal[0] ^= 1 }, ErrWrongAuthor, ErrBadSeal},
		{"seal", func(h *block.Header) { h.Seal[95] ^= 1 }, ErrBadSeal, ErrBadSeal},
		{"entropy signature", func(h *block.Header) { h.EntropySignature[95] ^= 1 }, ErrBadEntropy, ErrBadEntropy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, chain := range []struct {
				data []byte
				want error
			}{{ticketed, tc.wantTicketed}, {fallback, tc.wantFallback}} {
				s := decodeStep(t, chain.data, p)
				tc.spoil(&s.view.Header)
				// The octets that the seal signs stay as they were, so that it fails only where it is meant to.
				if _, err := s.run(t, p, verifier); !errors.Is(err, chain.want) {
					t.Errorf("%v, want %v", err, chain.want)
				}
			}
		})
	}
}
