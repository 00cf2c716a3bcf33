package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// The kinds of GRANDPA's streams. JAMNP-S has none yet: the numbers are those of a draft, the messages are this network's own.
// The five files ce149 to ce153 are all that knows the format, and docs/adr/0013 says what was chosen and why.
const (
	GrandpaVote    Kind = 149
	GrandpaCommit  Kind = 150
	GrandpaState   Kind = 151
	GrandpaCatchUp Kind = 152
	WarpSync       Kind = 153
)

// grandpaContext begins what is signed by a vote, so that no signature of another purpose can be taken for one.
const grandpaContext = "damson_grandpa"

// BallotType tells the votes of a round apart.
type BallotType uint8

// The votes of a round. The proposal, which comes first, is the round's primary's alone.
const (
	Prevote BallotType = iota
	Precommit
	PrimaryProposal
	ballotTypes
)

// Ballot is what is voted for: a block together with its posterior state root. GP §19.
type Ballot struct {
	Header    protocol.Hash
	StateRoot protocol.Hash
	Slot      protocol.Slot
}

// SignedBallot is a voter's word for a ballot, in a round and of a type that stand around it.
type SignedBallot struct {
	Ballot
	Signature protocol.Ed25519Signature
	Voter     protocol.Ed25519Key
}

// TypedBallot is a signed ballot with its type.
type TypedBallot struct {
	Type BallotType
	SignedBallot
}

// Votes is what is sent on CE 149: votes of one round. The answer is empty.
type Votes struct {
	Round   uint64
	Set     uint32
	Ballots []TypedBallot
}

const (
	ballotOctets       = 32 + 32 + 4
	signedBallotOctets = ballotOctets + 64 + 32
	roundOctets        = 8 + 4
)

// MaxVotes bounds the votes of one message.
const MaxVotes = 512

// VotesLimit bounds CE 149.
func VotesLimit(*protocol.Params) int { return roundOctets + 9 + MaxVotes*(1+signedBallotOctets) }

// VotePayload gives what a voter signs: context ++ type ++ round ++ set ++ header hash ++ slot ++ state root.
func VotePayload(round uint64, set uint32, t BallotType, v *Ballot) []byte {
	b := append(make([]byte, 0, len(grandpaContext)+1+roundOctets+ballotOctets), grandpaContext...)
	b = codec.AppendU32(codec.AppendU64(append(b, byte(t)), round), set)
	b = codec.AppendU32(append(b, v.Header[:]...), uint32(v.Slot))
	return append(b, v.StateRoot[:]...)
}

// AppendTo appends the ballot.
func (v *Ballot) AppendTo(b []byte) []byte {
	b = append(append(b, v.Header[:]...), v.StateRoot[:]...)
	return codec.AppendU32(b, uint32(v.Slot))
}

// DecodeFrom reads a ballot.
func (v *Ballot) DecodeFrom(d *codec.Decoder) {
	d.Field("grandpa.ballot")
	v.Header, v.StateRoot = d.Hash(), d.Hash()
	v.Slot = protocol.Slot(d.U32())
}

// AppendTo appends the signed ballot.
func (v *SignedBallot) AppendTo(b []byte) []byte {
	b = v.Ballot.AppendTo(b)
	return append(append(b, v.Signature[:]...), v.Voter[:]...)
}

// DecodeFrom reads a signed ballot.
func (v *SignedBallot) DecodeFrom(d *codec.Decoder) {
	v.Ballot.DecodeFrom(d)
	d.Copy(v.Signature[:])
	d.Copy(v.Voter[:])
}

// AppendTo appends the message.
func (m *Votes) AppendTo(b []byte) []byte {
	b = codec.AppendU32(codec.AppendU64(b, m.Round), m.Set)
	b = codec.AppendCount(b, len(m.Ballots))
	for i := range m.Ballots {
		b = m.Ballots[i].AppendTo(append(b, byte(m.Ballots[i].Type)))
	}
	return b
}

// Decode reads the message.
func (m *Votes) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("grandpa.votes")
		m.Round, m.Set = d.U64(), d.U32()
		m.Ballots = make([]TypedBallot, d.Count(MaxVotes, 1+signedBallotOctets))
		if len(m.Ballots) == 0 {
			d.Fail(codec.ErrEmptyList)
		}
		for i := range m.Ballots {
			m.Ballots[i].Type = BallotType(d.U8())
			if m.Ballots[i].Type >= ballotTypes {
				d.Fail(codec.ErrSelector)
			}
			m.Ballots[i].DecodeFrom(d)
		}
	})
}

func appendBallots(b []byte, list []SignedBallot) []byte {
	b = codec.AppendCount(b, len(list))
	for i := range list {
		b = list[i].AppendTo(b)
	}
	return b
}

// decodeBallots reads the votes of one type: two of each voter at most, who equivocates by the second.
func decodeBallots(d *codec.Decoder, p *protocol.Params) []SignedBallot {
	list := make([]SignedBallot, d.Count(2*p.Validators, signedBallotOctets))
	for i := range list {
		list[i].DecodeFrom(d)
	}
	return list
}

func ballotsLimit(p *protocol.Params) int { return 9 + 2*p.Validators*signedBallotOctets }
