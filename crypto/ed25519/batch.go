package ed25519

import (
	"runtime"
	"slices"
	"sync"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Batch verifies many signatures together, at half the price. It gives the answer that [Verify] gives for each
// of them, but for a chance of 2^-128. The zero value is ready for use. A Batch belongs to one goroutine.
type Batch struct {
	entries []entry
}

type entry struct {
	key       *Key // nil: use public
	public    [PublicKeySize]byte
	signature [SignatureSize]byte
	message   []byte
}

// Add adds a signature. The message must not change until the batch is verified.
func (b *Batch) Add(public [PublicKeySize]byte, message []byte, signature [SignatureSize]byte) {
	b.entries = append(b.entries, entry{public: public, signature: signature, message: message})
}

// AddKey adds a signature by a key that was prepared before. The message must not change until the batch is
// verified.
func (b *Batch) AddKey(key *Key, message []byte, signature [SignatureSize]byte) {
	b.entries = append(b.entries, entry{key: key, public: key.public, signature: signature, message: message})
}

// Len returns the number of signatures added.
func (b *Batch) Len() int { return len(b.entries) }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.entries)
	b.entries = b.entries[:0]
}

// From this number on an equation is worth having, and a part of a batch worth a goroutine.
const (
	minEquation = 3
	minParallel = 32
)

// Verify reports whether all signatures are good; those of an empty batch are.
func (b *Batch) Verify() bool { return verifyAll(b.entries) }

// VerifyParallel is Verify on up to GOMAXPROCS goroutines, none of which outlives the call.
func (b *Batch) VerifyParallel() bool {
	parts := min(runtime.GOMAXPROCS(0), len(b.entries)/minParallel)
	if parts < 2 {
		return verifyAll(b.entries)
	}
	good := make([]bool, parts)
	faults := make([]any, parts) // panics, so that the caller can recover them
	var wg sync.WaitGroup
	for i := range parts {
		part := b.entries[i*len(b.entries)/parts : (i+1)*len(b.entries)/parts]
		wg.Go(func() {
			defer func() { faults[i] = recover() }()
			good[i] = verifyAll(part)
		})
	}
	wg.Wait()
	for _, fault := range faults {
		if fault != nil {
			panic(fault) //nolint:forbidigo // it is one already
		}
	}
	return !slices.Contains(good, false)
}

// Bad returns the indices of the signatures that are not good, in ascending order. It costs little more than Verify
// where there are none, and more the more there are.
func (b *Batch) Bad() []int { return appendBad(nil, b.entries, 0) }

// appendBad halves entries until what is bad is cornered: few bad ones among many good are found by few equations.
func appendBad(bad []int, entries []entry, first int) []int {
	switch {
	case len(entries) > minEquation && verifyAll(entries):
		return bad
	case len(entries) > 4*minEquation:
		half := len(entries) / 2
		bad = appendBad(bad, entries[:half], first)
		return appendBad(bad, entries[half:], first+half)
	}
	for i := range entries {
		if !entries[i].verify() {
			bad = append(bad, first+i)
		}
	}
	return bad
}

func (e *entry) verify() bool {
	if e.key != nil {
		return e.key.Verify(e.message, e.signature)
	}
	return Verify(e.public, e.message, e.signature)
}

// verifyAll reports whether all entries are good. The library calls an empty batch bad, and is slower than need be for a
// few: both are kept from it.
func verifyAll(entries []entry) bool {
	if len(entries) < minEquation {
		for i := range entries {
			if !entries[i].verify() {
				return false
			}
		}
		return true
	}
	equation := voi.NewBatchVerifierWithCapacity(len(entries))
	for i := range entries {
		e := &entries[i]
		switch {
		case e.key == nil:
			equation.AddWithOptions(e.public[:], e.message, e.signature[:], zip215)
		case e.key.expanded == nil:
			return false
		default:
			equation.AddExpandedWithOptions(e.key.expanded, e.message, e.signature[:], zip215)
		}
	}
	return equation.VerifyBatchOnly(nil)
}
