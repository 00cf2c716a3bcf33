package claim

import (
	"errors"
	"fmt"
	"runtime"

	"damson/crypto/bandersnatch"
	"damson/crypto/blake2b"
	"damson/crypto/ed25519"
	"damson/internal/protocol"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"
)

// Options configures New. The zero value is fit for production.
type Options struct {
	KeyCacheBytes int // bound on prepared Ed25519 keys; 0 means 8 MiB
	SealKeys      int // bound on prepared Bandersnatch keys; 0 means 4096, four full sets
	Rings         int // bound on ring verifiers and commitments; 0 means 8
}

func (o *Options) setDefaults() {
	if o.KeyCacheBytes == 0 {
		o.KeyCacheBytes = 8 << 20
	}
	if o.SealKeys == 0 {
		o.SealKeys = 4096
	}
	if o.Rings == 0 {
		o.Rings = 8
	}
}

// Verifier settles claims. It keeps prepared keys and rings between blocks, by content. It is safe for concurrent use.
type Verifier struct {
	keys     *ed25519.KeyCache
	sealKeys *lru.Cache[protocol.BandersnatchKey, *bandersnatch.PublicKey]
	rings    *lru.Cache[ring, *bandersnatch.RingVerifier]
	roots    *lru.Cache[protocol.Hash, protocol.RingRoot]
}

// ring is what a ring verifier depends on.
type ring struct {
	root protocol.RingRoot
	size int
}

// New makes a Verifier.
func New(o Options) (*Verifier, error) {
	o.setDefaults()
	sealKeys, err1 := lru.New[protocol.BandersnatchKey, *bandersnatch.PublicKey](o.SealKeys)
	rings, err2 := lru.New[ring, *bandersnatch.RingVerifier](o.Rings)
	roots, err3 := lru.New[protocol.Hash, protocol.RingRoot](o.Rings)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("claim verifier: %w", err)
	}
	return &Verifier{ed25519.NewKeyCache(o.KeyCacheBytes), sealKeys, rings, roots}, nil
}

// Warm makes the tables for rings of a size, so that no block has to wait for them.
func (v *Verifier) Warm(validators int) error {
	root, err := bandersnatch.RingCommitment(make([]protocol.BandersnatchKey, validators))
	if err != nil {
		return fmt.Errorf("tables for rings of %d: %w", validators, err)
	}
	_, err = bandersnatch.NewRingVerifier(root, validators)
	return err
}

// Settle settles all claims of a set, side by side. The error is that of a claim that is false.
func (v *Verifier) Settle(s *Set) error {
	var g errgroup.Group
	for i := range s.Seals {
		g.Go(func() error { return v.Seal(&s.Seals[i]) })
	}
	g.Go(func() error { return v.Tickets(s.Tickets) })
	g.Go(func() error { return v.Signatures(s.Signatures) })
	return g.Wait()
}

// Signatures settles Ed25519 claims as one batch. The error names the first that is false.
func (v *Verifier) Signatures(claims []Signature) error {
	if len(claims) == 0 {
		return nil
	}
	var batch ed25519.Batch
	for i := range claims {
		batch.AddKey(v.keys.Key(claims[i].Key), claims[i].Message, claims[i].Signature)
	}
	if batch.VerifyParallel() {
		return nil
	}
	if bad := batch.Bad(); len(bad) > 0 {
		return claims[bad[0]].Where.Err()
	}
	return nil
}

// Seal settles a VRF claim.
func (v *Verifier) Seal(c *Seal) error {
	key, ok := v.sealKeys.Get(c.Key)
	if !ok {
		var err error
		if key, err = bandersnatch.ParsePublicKey(c.Key[:]); err != nil {
			return c.Where.Err()
		}
		v.sealKeys.Add(c.Key, key)
	}
	if key.Verify(c.Input, c.Message, c.Signature[:]) != nil {
		return c.Where.Err()
	}
	return nil
}

// Tickets settles ring proofs with one pairing for all. The error names the first that is false.
func (v *Verifier) Tickets(claims []Ticket) error {
	if len(claims) == 0 {
		return nil
	}
	inputs := make(map[string]*bandersnatch.Input)
	for i := range claims {
		if name := string(claims[i].Input); inputs[name] == nil {
			inputs[name] = bandersnatch.NewInput(claims[i].Input)
		}
	}
	prepared := make([]*bandersnatch.RingClaim, len(claims))
	var g errgroup.Group
	for i := range claims {
		c := &claims[i]
		g.Go(func() error {
			r, err := v.ring(ring{c.Ring, c.Size})
			if err != nil {
				return c.Where.Err()
			}
			if prepared[i], err = r.Prepare(inputs[string(c.Input)], nil, c.Proof[:]); err != nil {
				return c.Where.Err()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var bad *bandersnatch.BatchError
	if errors.As(bandersnatch.VerifyClaims(prepared, runtime.GOMAXPROCS(0)), &bad) {
		return claims[bad.Bad[0]].Where.Err()
	}
	return nil
}

// RingRoot commits to the Bandersnatch keys of a validator set, or gives what it found before: O of GP §G.
func (v *Verifier) RingRoot(keys []protocol.BandersnatchKey) (protocol.RingRoot, error) {
	var h blake2b.Hasher
	for i := range keys {
		h.Write(keys[i][:])
	}
	name := protocol.Hash(h.Sum())
	if root, ok := v.roots.Get(name); ok {
		return root, nil
	}
	root, err := bandersnatch.RingCommitment(keys)
	if err != nil {
		return root, fmt.Errorf("ring root: %w", err)
	}
	v.roots.Add(name, root)
	return root, nil
}

// ring gives the verifier of a ring. Two goroutines may both make it, which harms nobody.
func (v *Verifier) ring(r ring) (*bandersnatch.RingVerifier, error) {
	if found, ok := v.rings.Get(r); ok {
		return found, nil
	}
	made, err := bandersnatch.NewRingVerifier(r.root, r.size)
	if err != nil {
		return nil, fmt.Errorf("ring of %d: %w", r.size, err)
	}
	v.rings.Add(r, made)
	return made, nil
}
