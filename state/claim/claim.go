// Package claim holds what a block asserts by signatures and proofs, so that it can be settled in batches and
// beside the state transition, which goes on as if all of it were true.
//
// The parts of the transition collect claims; whoever applies a block settles them with a [Verifier] before
// anything is committed. A claim that is false names the rule that its block breaks.
package claim

import (
	"fmt"

	"damson/internal/protocol"
)

// Set is what one block, or one part of it, claims. The zero value is empty.
type Set struct {
	Signatures []Signature
	Seals      []Seal
	Tickets    []Ticket
}

// Signature claims that Key signed Message with Ed25519.
type Signature struct {
	Key       protocol.Ed25519Key
	Message   []byte
	Signature protocol.Ed25519Signature
	Where     Where
}

// Seal claims that Key signed Message with a Bandersnatch VRF over Input: a header's seal, or its entropy.
type Seal struct {
	Key       protocol.BandersnatchKey
	Input     []byte
	Message   []byte
	Signature *protocol.VRFSignature
	Where     Where
}

// Ticket claims that a member of the ring proved Input: GP §G.
type Ticket struct {
	Ring  protocol.RingRoot
	Size  int // of the ring
	Input []byte
	Proof *protocol.RingSignature
	Where Where
}

// Where says what breaks which rule if a claim is false.
type Where struct {
	Kind  string // "assurance"
	Index int    // of the claim among its kind
	Rule  protocol.Invalid
}

// Err is the error for a false claim.
func (w Where) Err() error { return fmt.Errorf("%s %d: %w", w.Kind, w.Index, w.Rule) }

// Append adds the claims of another set.
func (s *Set) Append(more *Set) {
	s.Signatures = append(s.Signatures, more.Signatures...)
	s.Seals = append(s.Seals, more.Seals...)
	s.Tickets = append(s.Tickets, more.Tickets...)
}
