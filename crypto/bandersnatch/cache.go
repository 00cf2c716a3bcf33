package bandersnatch

import (
	"crypto/sha256"
	"sync"
)

// Cache keeps what verifications can share: decoded keys, inputs hashed to the curve, rings. It is safe for concurrent use.
type Cache struct {
	setup       *Setup
	keys        generations[[PublicKeySize]byte, *PublicKey]
	inputs      generations[string, *Input]
	rings       generations[ringID, *RingVerifier]
	commitments generations[[sha256.Size]byte, [RingCommitmentSize]byte]
}

type ringID struct {
	commitment [RingCommitmentSize]byte
	size       int
}

// How many inputs and rings a cache keeps at most. Inputs longer than the bound are not kept.
const (
	maxInputs      = 64
	maxInputOctets = 256
	maxRings       = 16
)

// NewCache makes a cache for at most the given number of keys, of up to 10 kB each, and for a few inputs and rings on the
// setup.
func NewCache(setup *Setup, keys int) *Cache {
	c := &Cache{setup: setup}
	c.keys.bound = keys
	c.inputs.bound = maxInputs
	c.rings.bound = maxRings
	c.commitments.bound = maxRings
	return c
}

// PublicKey is [ParsePublicKey].
func (c *Cache) PublicKey(key [PublicKeySize]byte) (*PublicKey, error) {
	return c.keys.get(key, func() (*PublicKey, error) { return ParsePublicKey(key[:]) })
}

// Input is [NewInput].
func (c *Cache) Input(data []byte) *Input {
	if len(data) > maxInputOctets {
		return NewInput(data)
	}
	in, _ := c.inputs.get(string(data), func() (*Input, error) { return NewInput(data), nil })
	return in
}

// RingVerifier is [Setup.NewRingVerifier].
func (c *Cache) RingVerifier(commitment [RingCommitmentSize]byte, ringSize int) (*RingVerifier, error) {
	id := ringID{commitment, ringSize}
	return c.rings.get(id, func() (*RingVerifier, error) { return c.setup.NewRingVerifier(commitment, ringSize) })
}

// RingCommitment is [CommitRing].
func (c *Cache) RingCommitment(keys [][PublicKeySize]byte) ([RingCommitmentSize]byte, error) {
	h := sha256.New()
	for i := range keys {
		h.Write(keys[i][:])
	}
	id := [sha256.Size]byte(h.Sum(nil))
	return c.commitments.get(id, func() ([RingCommitmentSize]byte, error) { return CommitRing(c.setup, keys) })
}

// generations is a bounded map. It has a young and an old half; when the young half is full, it becomes the old one, and
// what has not been used for that long is forgotten.
type generations[K comparable, V any] struct {
	bound      int
	mu         sync.Mutex
	young, old map[K]V
}

// get returns the value of the key, from the function if it is not there. Two callers at once may both call it.
func (g *generations[K, V]) get(key K, compute func() (V, error)) (V, error) {
	g.mu.Lock()
	value, found := g.young[key]
	if !found {
		if value, found = g.old[key]; found {
			g.put(key, value)
		}
	}
	g.mu.Unlock()
	if found {
		return value, nil
	}
	value, err := compute()
	if err != nil {
		return value, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.put(key, value)
	return value, nil
}

// put must be called with the lock held.
func (g *generations[K, V]) put(key K, value V) {
	if len(g.young) >= max(1, g.bound/2) {
		g.young, g.old = nil, g.young
	}
	if g.young == nil {
		g.young = make(map[K]V)
	}
	g.young[key] = value
}
