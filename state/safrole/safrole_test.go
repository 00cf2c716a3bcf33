package safrole

import (
	"bytes"
	"testing"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/claim"
)

// errorNames are the error codes of safrole.asn.
var errorNames = []string{
	"bad_slot", "unexpected_ticket", "bad_ticket_order", "bad_ticket_proof", "bad_ticket_attempt", "reserved",
	"duplicate_ticket",
}

// vector is a test case of safrole.asn.
type vector struct {
	input     Input
	pre, post State
	postInput Input // what the posterior state of the vector holds of an Input
	marks     Marks
	err       string
}

func decodeVector(t *testing.T, data []byte, p *protocol.Params) *vector {
	t.Helper()
	v := new(vector)
	d := codec.NewDecoder(data)
	v.input.Slot = protocol.Slot(d.U32())
	v.input.Entropy = d.Hash()
	var x block.Extrinsic
	x.DecodeTicketProofs(&d)
	v.input.Tickets = x.Tickets
	v.pre = decodeState(&d, p, &v.input)
	if d.Bool() {
		v.err = errorNames[d.U8()]
	} else {
		if d.Bool() {
			v.marks.Epoch = &block.EpochMark{Entropy: d.Hash(), TicketsEntropy: d.Hash()}
			for range p.Validators {
				var keys block.EpochMarkKeys
				d.Copy(keys.Bandersnatch[:])
				d.Copy(keys.Ed25519[:])
				v.marks.Epoch.Validators = append(v.marks.Epoch.Validators, keys)
			}
		}
		if d.Bool() {
			v.marks.Winners = block.DecodeTickets(&d, nil, int(p.EpochLength))
		}
	}
	v.post = decodeState(&d, p, &v.postInput)
	if err := d.Finish(); err != nil {
		t.Fatal(err)
	}
	return v
}

func decodeState(d *codec.Decoder, p *protocol.Params, in *Input) (s State) {
	s.Slot = protocol.Slot(d.U32())
	s.Entropy = state.DecodeEntropy(d, p)
	s.Previous = state.DecodeValidators(d, p)
	s.Active = state.DecodeValidators(d, p)
	s.Safrole = &state.Safrole{Pending: state.DecodeValidators(d, p)}
	in.Staging = state.DecodeValidators(d, p)
	s.Safrole.Accumulator = block.DecodeTickets(d, nil, d.Count(int(p.EpochLength), 33))
	s.Safrole.SealKeys = state.DecodeSealKeys(d, p)
	d.Copy(s.Safrole.RingRoot[:])
	in.Offenders = make([]protocol.Ed25519Key, d.Count(p.Validators, 32))
	for i := range in.Offenders {
		d.Copy(in.Offenders[i][:])
	}
	return s
}

func ringRoot(keys []protocol.BandersnatchKey) (protocol.RingRoot, error) {
	return bandersnatch.RingCommitment(keys)
}

// encode gives all octets of a state, to see that it did not change.
func encode(s *State, in *Input) []byte {
	b := codec.AppendU32(nil, uint32(s.Slot))
	b = s.Safrole.AppendTo(s.Entropy.AppendTo(b))
	return in.Staging.AppendTo(s.Previous.AppendTo(s.Active.AppendTo(b)))
}

func TestVectors(t *testing.T) {
	verifier := claim.New(claim.Options{})
	vectors.Each(t, "stf/safrole", ".bin", func(t *testing.T, f *vectors.File) {
		p, _ := protocol.Named(f.Chain)
		v := decodeVector(t, f.Data, p)
		before := encode(&v.pre, &v.input)
		var claims claim.Set
		post, marks, err := Transition(p, &v.pre, &v.input, ringRoot, &claims)
		if err == nil {
			err = verifier.Settle(&claims)
		}
		if got := vectors.Code(err); got != v.err {
			t.Fatalf("error %q, want %q", got, v.err)
		}
		if !bytes.Equal(before, encode(&v.pre, &v.input)) {
			t.Error("the prior state changed")
		}
		if err != nil {
			vectors.Equal(t, "state after an error", v.pre, v.post)
			return
		}
		vectors.Equal(t, "posterior", *post, v.post)
		vectors.Equal(t, "marks", *marks, v.marks)
	})
}
