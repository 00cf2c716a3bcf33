package claim

import (
	"damson/crypto/ed25519"
)

// Options configures New. The zero value is fit for production.
type Options struct {
	KeyCacheBytes int // bound on prepared Ed25519 keys; 0 means 8 MiB
}

// Verifier settles claims. It keeps prepared keys between blocks, by content. It is safe for concurrent use.
type Verifier struct {
	keys *ed25519.KeyCache
}

// New makes a Verifier.
func New(o Options) *Verifier {
	if o.KeyCacheBytes == 0 {
		o.KeyCacheBytes = 8 << 20
	}
	return &Verifier{keys: ed25519.NewKeyCache(o.KeyCacheBytes)}
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
