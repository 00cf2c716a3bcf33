package beefy

import (
	"fmt"

	"damson/crypto/bls"
	"damson/internal/protocol"
)

// Scheme is all that depends on how BLS keys and signatures are read: the protocol fixes but the length of a key. A signature comes
// with whatever proves it, and an aggregate is of one message.
type Scheme interface {
	// Verify says whether a signature is of a key and a message. A key that is none has no signatures.
	Verify(key *protocol.BLSKey, message, signature []byte) bool
	Aggregate(signatures [][]byte) ([]byte, error)
	VerifyAggregate(keys []protocol.BLSKey, message, aggregate []byte) bool
}

// Signer signs with the secret of a key.
type Signer interface {
	Public() protocol.BLSKey
	Sign(message []byte) []byte
}

// Reading is our reading of the paper: see docs/adr/0015-beefy.md.
type Reading struct{}

// Secret is a Signer of that reading.
type Secret struct{ Key *bls.SecretKey }

// Public gives the public key.
func (s Secret) Public() protocol.BLSKey { return s.Key.Public().Bytes() }

// Sign signs a message, with a proof of equality.
func (s Secret) Sign(message []byte) []byte {
	out := s.Key.Prove(message).Bytes()
	return out[:]
}

// Verify implements Scheme.
func (Reading) Verify(key *protocol.BLSKey, message, signature []byte) bool {
	public, err := bls.DecodePublicKey(key[:])
	if err != nil {
		return false
	}
	s, err := bls.DecodeProven(signature)
	return err == nil && s.Verify(public, message)
}

// Aggregate implements Scheme.
func (Reading) Aggregate(signatures [][]byte) ([]byte, error) {
	list := make([]*bls.Signature, 0, len(signatures))
	for _, octets := range signatures {
		s, err := bls.DecodeProven(octets)
		if err != nil {
			return nil, fmt.Errorf("beefy: %w", err)
		}
		list = append(list, &s.Signature)
	}
	sum, err := bls.Aggregate(list)
	if err != nil {
		return nil, fmt.Errorf("beefy: %w", err)
	}
	out := sum.Bytes()
	return out[:], nil
}

// VerifyAggregate implements Scheme.
func (Reading) VerifyAggregate(keys []protocol.BLSKey, message, aggregate []byte) bool {
	list := make([]*bls.PublicKey, 0, len(keys))
	for i := range keys {
		p, err := bls.DecodePublicKey(keys[i][:])
		if err != nil {
			return false
		}
		list = append(list, p)
	}
	all, err := bls.AggregateKeys(list)
	if err != nil {
		return false
	}
	sum, err := bls.DecodeSignature(aggregate)
	return err == nil && bls.VerifyAggregate(all, message, sum)
}
