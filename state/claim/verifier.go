package claim

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"damson/crypto/bandersnatch"
	"damson/crypto/ed25519"
	"damson/internal/invariants"
	"damson/internal/protocol"

	"golang.org/x/sync/errgroup"
)

// Options configures New. The zero value is fit for production.
type Options struct {
	KeyCacheBytes int // bound on prepared Ed25519 keys; 0 means 8 MiB
	SealKeys      int // bound on prepared Bandersnatch keys; 0 means 4096, four full sets

	Setup *bandersnatch.Setup // what ring proofs rest on; nil means that of the Zcash ceremony, as on public chains

	// Ticket judges what stands for a ring proof in simulations, where proofs would cost more than all the rest. Nil means
	// the real thing.
	Ticket func(*Ticket) bool

	// Share says whether a signature is good, for simulations whose nodes are each to verify the same: by judge, or because it
	// is known. The name tells it from all others. Nil means that everybody judges himself.
	Share func(name protocol.Hash, judge func() bool) bool
}

// Verifier settles claims. It keeps prepared keys and rings between blocks, by content. It is safe for concurrent use.
type Verifier struct {
	keys   *ed25519.KeyCache
	vrf    *bandersnatch.Cache
	setup  *bandersnatch.Setup
	ticket func(*Ticket) bool // nil: ring proofs are verified
	share  func(protocol.Hash, func() bool) bool
}

// New makes a Verifier.
func New(o Options) *Verifier {
	if o.KeyCacheBytes == 0 {
		o.KeyCacheBytes = 8 << 20
	}
	if o.SealKeys == 0 {
		o.SealKeys = 4096
	}
	if o.Setup == nil {
		o.Setup = bandersnatch.Zcash()
	}
	return &Verifier{ed25519.NewKeyCache(o.KeyCacheBytes), bandersnatch.NewCache(o.Setup, o.SealKeys), o.Setup, o.Ticket, o.Share}
}

// Warm makes the tables for rings of a size, so that no block has to wait for them.
func (v *Verifier) Warm(validators int) error {
	root, err := bandersnatch.CommitRing(v.setup, make([]protocol.BandersnatchKey, validators))
	if err != nil {
		return fmt.Errorf("tables for rings of %d: %w", validators, err)
	}
	_, err = v.setup.NewRingVerifier(root, validators)
	return err
}

// WarmKeys prepares keys of which signatures and seals are to be expected, so that no block has to wait for them.
func (v *Verifier) WarmKeys(signing []protocol.Ed25519Key, sealing []protocol.BandersnatchKey) {
	for i := range signing {
		v.keys.Key(signing[i])
	}
	for i := range sealing {
		_, _ = v.vrf.PublicKey(sealing[i]) // what is no key will be found out by who needs it
	}
}

// WarmRing prepares the ring of an epoch to come: its commitment, and what proofs by its members are verified with.
func (v *Verifier) WarmRing(keys []protocol.BandersnatchKey) error {
	root, err := v.RingRoot(keys)
	if err == nil {
		_, err = v.vrf.RingVerifier(root, len(keys))
	}
	return err
}

// Settle settles all claims of a set, side by side. The error is that of a claim that is false; of several the same whenever
// the set is settled.
func (v *Verifier) Settle(s *Set) error {
	var g sync.WaitGroup
	errs := make([]error, len(s.Seals)+2)
	guarded := func(i int, settle func() error) {
		g.Go(func() { errs[i] = invariants.Guard(settle) })
	}
	for i := range s.Seals {
		guarded(i, func() error { return v.Seal(&s.Seals[i]) })
	}
	guarded(len(s.Seals), func() error { return v.Tickets(s.Tickets) })
	guarded(len(s.Seals)+1, func() error { return v.Signatures(s.Signatures) })
	g.Wait()
	return cmp.Or(errs...)
}

// Signatures settles Ed25519 claims as one batch. The error names the first that is false.
func (v *Verifier) Signatures(claims []Signature) error {
	if len(claims) == 0 {
		return nil
	}
	if v.share != nil {
		return v.sharedSignatures(claims)
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
	if v.share != nil {
		return v.sharedSeal(c)
	}
	return v.seal(c)
}

func (v *Verifier) seal(c *Seal) error {
	key, err := v.vrf.PublicKey(c.Key)
	if err != nil || key.VerifyInput(v.vrf.Input(c.Input), c.Message, c.Signature[:]) != nil {
		return c.Where.Err()
	}
	return nil
}

// Tickets settles ring proofs with one pairing for all. The error names the first that is false.
func (v *Verifier) Tickets(claims []Ticket) error {
	if len(claims) == 0 {
		return nil
	}
	if v.ticket != nil {
		return v.simulated(claims)
	}
	prepared := make([]*bandersnatch.RingClaim, len(claims))
	errs := make([]error, len(claims))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range claims {
		c := &claims[i]
		g.Go(func() error {
			errs[i] = invariants.Guard(func() (err error) {
				prepared[i], err = v.prepare(c)
				return err
			})
			return nil
		})
	}
	_ = g.Wait()
	if err := cmp.Or(errs...); err != nil {
		return err
	}
	err := bandersnatch.VerifyClaims(prepared, runtime.GOMAXPROCS(0))
	if bad, ok := errors.AsType[*bandersnatch.BatchError](err); ok {
		return claims[bad.Bad[0]].Where.Err()
	}
	return err
}

func (v *Verifier) simulated(claims []Ticket) error {
	for i := range claims {
		if !v.ticket(&claims[i]) {
			return claims[i].Where.Err()
		}
	}
	return nil
}

// prepare checks as much of a ring proof as can be checked of it alone.
func (v *Verifier) prepare(c *Ticket) (*bandersnatch.RingClaim, error) {
	ring, err := v.vrf.RingVerifier(c.Ring, c.Size)
	if err != nil {
		return nil, c.Where.Err()
	}
	prepared, err := ring.Prepare(v.vrf.Input(c.Input), nil, c.Proof[:])
	if err != nil {
		return nil, c.Where.Err()
	}
	return prepared, nil
}

// RingRoot commits to the Bandersnatch keys of a validator set, or gives what it found before: O of GP §G.
func (v *Verifier) RingRoot(keys []protocol.BandersnatchKey) (protocol.RingRoot, error) {
	plain := make([][bandersnatch.PublicKeySize]byte, len(keys))
	for i := range keys {
		plain[i] = keys[i]
	}
	root, err := v.vrf.RingCommitment(plain)
	if err != nil {
		return root, fmt.Errorf("ring root: %w", err)
	}
	return root, nil
}
