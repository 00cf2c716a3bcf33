package claim

import (
	"encoding/binary"

	"damson/crypto/blake2b"
	"damson/crypto/ed25519"
)

// sharedSignatures is Signatures for simulations: see Options.Share.
func (v *Verifier) sharedSignatures(claims []Signature) error {
	for i := range claims {
		c := &claims[i]
		name := blake2b.Sum256Parts([]byte("signature"), c.Key[:], c.Signature[:], c.Message)
		if !v.share(name, func() bool { return ed25519.Verify(c.Key, c.Message, c.Signature) }) {
			return c.Where.Err()
		}
	}
	return nil
}

// sharedSeal is Seal for simulations.
func (v *Verifier) sharedSeal(c *Seal) error {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(c.Input)))
	name := blake2b.Sum256Parts([]byte("seal"), c.Key[:], c.Signature[:], length, c.Input, c.Message)
	if !v.share(name, func() bool { return v.seal(c) == nil }) {
		return c.Where.Err()
	}
	return nil
}
