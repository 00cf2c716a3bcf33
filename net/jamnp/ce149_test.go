package jamnp

import (
	"bytes"
	"errors"
	"testing"

	"damson/internal/codec"
	"damson/internal/protocol"
)

func grandpaSamples(p *protocol.Params) []sample {
	signed := SignedBallot{Ballot: Ballot{someHash(1), someHash(2), 3}, Voter: protocol.Ed25519Key(someHash(4))}
	commit := Commit{Round: 1, Set: 2, Target: signed.Ballot, Precommits: []SignedBallot{signed, signed}}
	return []sample{
		of("votes", &Votes{1, 2, []TypedBallot{{Prevote, signed}, {Precommit, signed}}}, VotesLimit(p)),
		of("commit", &commit, CommitLimit(p)),
		of("voter state", &VoterState{1, 2, 3, true, []byte{1}, []byte{}}, VoterStateLimit(p)),
		of("catch-up request", &CatchUpRequest{1, 2}, CatchUpRequestLimit(p)),
		of("catch-up", &CatchUp{1, 2, []SignedBallot{signed}, nil, signed.Ballot}, CatchUpLimit(p)),
		of("warp request", &WarpRequest{7}, WarpRequestLimit(p)),
		of("warp steps", &WarpSteps{{[]byte("header"), commit}, {nil, commit}}, WarpStepsLimit(p)),
	}
}

func TestGrandpaMessages(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for _, s := range grandpaSamples(p) {
			t.Run(s.name, func(t *testing.T) {
				octets := Encode(s.m)
				if len(octets) > s.limit {
					t.Errorf("%d octets, over the limit %d", len(octets), s.limit)
				}
				got := s.fresh()
				if err := got.Decode(octets, p); err != nil {
					t.Fatal(err)
				}
				if again := Encode(got); !bytes.Equal(again, octets) {
					t.Errorf("encodes as %x, want %x", again, octets)
				}
				refuses(t, s, octets, p)
			})
		}
	}
}

func TestGrandpaRules(t *testing.T) {
	p := protocol.Tiny()
	round := make([]byte, roundOctets)
	for _, tc := range []struct {
		name  string
		m     Message
		bytes []byte
		rule  error
	}{
		{"no vote", new(Votes), append(bytes.Clone(round), 0), codec.ErrEmptyList},
		{"unknown type", new(Votes), append(append(bytes.Clone(round), 1, 3), make([]byte, signedBallotOctets)...), codec.ErrSelector},
		{"too many votes", new(Votes), append(append(bytes.Clone(round), 0x82, 1), make([]byte, (MaxVotes+1)*(1+signedBallotOctets))...), codec.ErrCount},
		{"too many precommits", new(Commit), append(append(make([]byte, roundOctets+ballotOctets), 13), make([]byte, 13*signedBallotOctets)...), codec.ErrCount},
		{"too many bits", new(VoterState), append(make([]byte, roundOctets+5), 2, 0, 0, 0), ErrBitfield},
		{"too many steps", new(WarpSteps), append([]byte{MaxWarpSteps + 1}, make([]byte, 10000)...), codec.ErrCount},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.m.Decode(tc.bytes, p); !errors.Is(err, tc.rule) {
				t.Errorf("got %v, want %v", err, tc.rule)
			}
		})
	}
}

// TestVotePayload: what differs is signed differently.
func TestVotePayload(t *testing.T) {
	base := Ballot{someHash(1), someHash(2), 3}
	seen := map[string]bool{}
	for _, payload := range [][]byte{
		VotePayload(1, 2, Prevote, &base),
		VotePayload(2, 2, Prevote, &base),
		VotePayload(1, 1, Prevote, &base),
		VotePayload(1, 2, Precommit, &base),
		VotePayload(1, 2, Prevote, &Ballot{someHash(2), someHash(2), 3}),
		VotePayload(1, 2, Prevote, &Ballot{someHash(1), someHash(1), 3}),
		VotePayload(1, 2, Prevote, &Ballot{someHash(1), someHash(2), 4}),
	} {
		if seen[string(payload)] {
			t.Errorf("%x is signed for two votes", payload)
		}
		seen[string(payload)] = true
	}
}

func fuzzGrandpa[T any, M interface {
	*T
	Message
}](f *testing.F) {
	tiny, full := protocol.Tiny(), protocol.Full()
	for _, s := range grandpaSamples(tiny) {
		if _, ok := s.m.(M); ok {
			f.Add(Encode(s.m), false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, isFull bool) {
		p := tiny
		if isFull {
			p = full
		}
		m := M(new(T))
		if err := m.Decode(b, p); err == nil && !bytes.Equal(Encode(m), b) {
			t.Errorf("%x is read, and written as %x", b, Encode(m))
		}
	})
}

func FuzzVotes(f *testing.F)          { fuzzGrandpa[Votes](f) }
func FuzzCommit(f *testing.F)         { fuzzGrandpa[Commit](f) }
func FuzzVoterState(f *testing.F)     { fuzzGrandpa[VoterState](f) }
func FuzzCatchUpRequest(f *testing.F) { fuzzGrandpa[CatchUpRequest](f) }
func FuzzCatchUp(f *testing.F)        { fuzzGrandpa[CatchUp](f) }
func FuzzWarpRequest(f *testing.F)    { fuzzGrandpa[WarpRequest](f) }
func FuzzWarpSteps(f *testing.F)      { fuzzGrandpa[WarpSteps](f) }
