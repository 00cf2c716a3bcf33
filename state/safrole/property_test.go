package safrole

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
)

// randomTickets makes tickets that are all different, in ascending order.
func randomTickets(random *rand.Rand, n int) []block.Ticket {
	tickets := make([]block.Ticket, n)
	for i := range tickets {
		for j := range 8 {
			tickets[i].ID[j] = byte(random.Uint32())
		}
	}
	sortTickets(tickets)
	return tickets
}

func sortTickets(tickets []block.Ticket) {
	slices.SortFunc(tickets, func(a, b block.Ticket) int { return bytes.Compare(a.ID[:], b.ID[:]) })
}

// TestMerge compares with sorting everything, as the paper writes it.
func TestMerge(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	p := protocol.Tiny()
	useless := 0
	for range 2000 {
		prior := randomTickets(random, random.IntN(int(p.EpochLength)+1))
		fresh := randomTickets(random, 1+random.IntN(p.MaxBlockTickets))
		want := slices.Concat(prior, fresh)
		sortTickets(want)
		want = want[:min(len(want), int(p.EpochLength))]
		got, err := merge(p, prior, fresh)
		if !slices.Contains(want, fresh[len(fresh)-1]) {
			useless++
			if !errors.Is(err, ErrUselessTicket) {
				t.Fatalf("%v, want %v", err, ErrUselessTicket)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		vectors.Equal(t, "merged", got, want)
	}
	if useless == 0 {
		t.Error("no useless ticket came up")
	}
}

// TestDuplicateTicket submits a ticket of the prior contest again, in the same epoch and in the first block of the next:
// the prior γ_A counts in both.
func TestDuplicateTicket(t *testing.T) {
	p := protocol.Tiny()
	var proof block.TicketProof
	id, err := bandersnatch.Output(proof.Proof[:])
	if err != nil {
		t.Fatal(err)
	}
	prior := &State{
		Slot: 1, Entropy: new(state.Entropy), Active: make(state.Validators, p.Validators),
		Safrole: &state.Safrole{
			Pending:     make(state.Validators, p.Validators),
			Accumulator: []block.Ticket{{}, {ID: id}, {ID: protocol.Hash{31: 255}}},
		},
	}
	sortTickets(prior.Safrole.Accumulator)
	root := func([]protocol.BandersnatchKey) (protocol.RingRoot, error) { return protocol.RingRoot{}, nil }
	for _, slot := range []protocol.Slot{2, p.EpochLength, 5 * p.EpochLength} {
		in := &Input{Slot: slot, Tickets: []block.TicketProof{proof}, Staging: prior.Active}
		if _, _, err := Transition(p, prior, in, root, new(claim.Set)); !errors.Is(err, ErrDuplicateTicket) {
			t.Errorf("slot %d: %v, want %v", slot, err, ErrDuplicateTicket)
		}
	}
}

func TestOutsideIn(t *testing.T) {
	for n := range 7 {
		tickets := make([]block.Ticket, n)
		for i := range tickets {
			tickets[i].Attempt = uint8(i)
		}
		var order []uint8
		for _, ticket := range outsideIn(tickets) {
			order = append(order, ticket.Attempt)
		}
		want := []uint8{0, uint8(n) - 1, 1, uint8(n) - 2, 2, uint8(n) - 3}[:n]
		vectors.Equal(t, "order", order, want)
	}
}

func TestPending(t *testing.T) {
	staging := make(state.Validators, 4)
	for i := range staging {
		staging[i].Ed25519 = protocol.Ed25519Key{byte(i + 1)}
		staging[i].Metadata[0] = 1
	}
	pending := Pending(staging, []protocol.Ed25519Key{{2}, {9}})
	for i := range pending {
		cleared := pending[i] == state.ValidatorKeys{}
		if cleared != (i == 1) {
			t.Errorf("validator %d: cleared %v", i, cleared)
		}
	}
	if staging[1].Ed25519 != (protocol.Ed25519Key{2}) {
		t.Error("the staging set changed")
	}
}

func BenchmarkFallbackKeys(b *testing.B) {
	p := protocol.Full()
	active := make(state.Validators, p.Validators)
	b.ReportAllocs()
	for b.Loop() {
		FallbackKeys(p, protocol.Hash{1}, active)
	}
}
