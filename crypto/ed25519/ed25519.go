// Package ed25519 signs as RFC 8032 says and verifies by the rule of ZIP-215, GP §3.8.2.
//
// The rule: the public key A and the point R of a signature may be any encoding of a point of the curve,
// canonical or not, of whatever order; the scalar S must be below the order of the group; and
// [8][S]B = [8]R + [8][k]A must hold. Unlike others it gives the same answer for a signature alone and in a batch, so
// that nodes cannot disagree about a block. [Verify] judges one signature, [Key.Verify] one under a key that was
// prepared before, and [Batch] many at once. A [KeyCache] keeps prepared keys.
package ed25519

import (
	stdlib "crypto/ed25519"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// Lengths in octets.
const (
	PublicKeySize = 32
	SignatureSize = 64
	SeedSize      = 32
)

// The only options that any verification here may use: the default ones of the library are another rule.
var zip215 = &voi.Options{Verify: voi.VerifyOptionsZIP_215}

// Verify reports whether signature is one of message by public.
func Verify(public [PublicKeySize]byte, message []byte, signature [SignatureSize]byte) bool {
	return voi.VerifyWithOptions(public[:], message, signature[:], zip215)
}

// Key is a public key in a form that verifies faster. It takes some 1.5 KiB and does not change.
type Key struct {
	public   [PublicKeySize]byte
	expanded *voi.ExpandedPublicKey // nil if public is no point of the curve
}

// NewKey prepares public. A key that is no point of the curve is prepared too: nothing verifies under it.
func NewKey(public [PublicKeySize]byte) *Key {
	k := &Key{public: public}
	if expanded, err := voi.NewExpandedPublicKey(k.public[:]); err == nil {
		k.expanded = expanded
	}
	return k
}

// Public returns the key as it is on the wire.
func (k *Key) Public() [PublicKeySize]byte { return k.public }

// Verify reports whether signature is one of message by k.
func (k *Key) Verify(message []byte, signature [SignatureSize]byte) bool {
	return k.expanded != nil && voi.VerifyExpandedWithOptions(k.expanded, message, signature[:], zip215)
}

// PrivateKey signs.
type PrivateKey struct{ key stdlib.PrivateKey }

// NewPrivateKey makes the key that RFC 8032 §5.1.5 derives from seed.
func NewPrivateKey(seed [SeedSize]byte) PrivateKey {
	return PrivateKey{stdlib.NewKeyFromSeed(seed[:])}
}

// Public returns the public key.
func (k PrivateKey) Public() [PublicKeySize]byte {
	return [PublicKeySize]byte(k.key[SeedSize:])
}

// Sign returns the signature of message. There is one for each message: no randomness goes in.
func (k PrivateKey) Sign(message []byte) [SignatureSize]byte {
	return [SignatureSize]byte(stdlib.Sign(k.key, message))
}

// TLS returns the key in the form that crypto/tls and crypto/x509 want.
func (k PrivateKey) TLS() stdlib.PrivateKey { return append(stdlib.PrivateKey(nil), k.key...) }
