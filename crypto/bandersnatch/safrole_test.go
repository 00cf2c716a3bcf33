package bandersnatch

import (
	"bytes"
	"testing"

	"damson/internal/vectors"
)

// safroleVector has the parts of the official vectors that this package can judge alone: the ring commitment γ_z of a set of
// keys γ_k, and the signatures in the tickets extrinsic.
type safroleVector struct {
	tickets   []safroleTicket
	pre, post safroleState
	failure   int // the code of the error, or −1
}

type safroleTicket struct {
	attempt   byte
	signature []byte
}

type safroleState struct {
	entropy [4][]byte
	pending [][PublicKeySize]byte
	root    []byte
	tickets map[string]bool // the identifiers in the accumulator
}

const badTicketProof = 3

// safroleReader walks over a binary vector. Vectors are trusted to be whole.
type safroleReader struct {
	rest               []byte
	validators, period int
}

func (r *safroleReader) next(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// count reads a length below 2^14.
func (r *safroleReader) count() int {
	b := r.next(1)[0]
	if b < 0x80 {
		return int(b)
	}
	return int(b&0x3f)<<8 | int(r.next(1)[0])
}

func (r *safroleReader) vector() (v safroleVector) {
	r.next(4 + 32)
	for range r.count() {
		v.tickets = append(v.tickets, safroleTicket{r.next(1)[0], r.next(RingSignatureSize)})
	}
	v.pre = r.state()
	v.failure = -1
	if r.next(1)[0] == 0 {
		if r.next(1)[0] == 1 {
			r.next(32 + 32 + r.validators*(32+32))
		}
		if r.next(1)[0] == 1 {
			r.next(r.period * 33)
		}
	} else {
		v.failure = int(r.next(1)[0])
	}
	v.post = r.state()
	return v
}

func (r *safroleReader) state() (s safroleState) {
	const validatorSize = 336
	r.next(4)
	for i := range s.entropy {
		s.entropy[i] = r.next(32)
	}
	r.next(2 * r.validators * validatorSize) // λ, κ
	for range r.validators {
		s.pending = append(s.pending, [PublicKeySize]byte(r.next(validatorSize)))
	}
	r.next(r.validators * validatorSize) // ι
	s.tickets = make(map[string]bool)
	for range r.count() {
		s.tickets[string(r.next(32))] = true
		r.next(1)
	}
	if r.next(1)[0] == 0 {
		r.next(r.period * 33)
	} else {
		r.next(r.period * 32)
	}
	s.root = r.next(RingCommitmentSize)
	r.next(32 * r.count())
	return s
}

func TestSafroleVectors(t *testing.T) {
	commitments := make(map[string][RingCommitmentSize]byte) // most states have the same keys
	verified := 0
	vectors.Each(t, "stf/safrole", ".bin", func(t *testing.T, file *vectors.File) {
		r := safroleReader{rest: file.Data, validators: 6, period: 12}
		if file.Chain == "full" {
			r.validators, r.period = 1023, 600
		}
		v := r.vector()
		if len(r.rest) > 0 {
			t.Fatalf("%d octets left", len(r.rest))
		}
		for _, s := range []*safroleState{&v.pre, &v.post} {
			var id []byte
			for i := range s.pending {
				id = append(id, s.pending[i][:]...)
			}
			got, known := commitments[string(id)]
			if !known {
				var err error
				if got, err = RingCommitment(s.pending); err != nil {
					t.Fatal(err)
				}
				commitments[string(id)] = got
			}
			if !bytes.Equal(got[:], s.root) {
				t.Errorf("γ_z %x, want %x", got, s.root)
			}
		}
		checkTickets(t, &v)
		verified += len(v.tickets)
	})
	if !t.Failed() && verified == 0 {
		t.Error("no tickets in the vectors")
	}
}

// checkTickets verifies the tickets against the posterior state. Only where the error says so is a proof bad: the first.
func checkTickets(t *testing.T, v *safroleVector) {
	if len(v.tickets) == 0 {
		return
	}
	var batch []Signed
	for _, ticket := range v.tickets {
		input := append([]byte("jam_ticket_seal"), v.post.entropy[2]...)
		batch = append(batch, Signed{Input: append(input, ticket.attempt), Signature: ticket.signature})
	}
	verifier, err := NewRingVerifier([RingCommitmentSize]byte(v.post.root), len(v.post.pending))
	if err != nil {
		t.Fatal(err)
	}
	err = verifier.VerifyBatch(batch, 2)
	if v.failure == badTicketProof {
		checkBad(t, err, []int{0})
		return
	}
	if err != nil {
		t.Error(err)
	}
	if v.failure >= 0 {
		return
	}
	for i := range batch {
		if id, err := Output(batch[i].Signature); err != nil || !v.post.tickets[string(id[:])] {
			t.Errorf("ticket %d has the identifier %x, %v", i, id, err)
		}
	}
}
