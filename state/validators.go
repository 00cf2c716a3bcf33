package state

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Validators is a set of V validators: ι staging, κ active, λ previous, or γ_P pending.
type Validators []ValidatorKeys

// Ed25519Keys gives the Ed25519 keys of the set, in its order.
func (v Validators) Ed25519Keys() []protocol.Ed25519Key {
	keys := make([]protocol.Ed25519Key, len(v))
	for i := range v {
		keys[i] = v[i].Ed25519
	}
	return keys
}

// ValidatorKeys is 𝕂, what a validator is known by. GP eq:validatorkeys.
type ValidatorKeys struct {
	Bandersnatch protocol.BandersnatchKey // k_b
	Ed25519      protocol.Ed25519Key      // k_e
	BLS          protocol.BLSKey          // k_l
	Metadata     [128]byte                // k_m: address and port, else opaque
}

// ValidatorSize is the length of an encoded ValidatorKeys.
const ValidatorSize = 336

// DecodeValidators reads C(7), C(8) or C(9).
func DecodeValidators(d *codec.Decoder, p *protocol.Params) Validators {
	if len(d.Rest()) < p.Validators*ValidatorSize {
		d.Fail(codec.ErrShort)
		return nil
	}
	set := make(Validators, p.Validators)
	for i := range set {
		set[i].DecodeFrom(d)
	}
	return set
}

// DecodeFrom reads 336 octets.
func (k *ValidatorKeys) DecodeFrom(d *codec.Decoder) {
	d.Copy(k.Bandersnatch[:])
	d.Copy(k.Ed25519[:])
	d.Copy(k.BLS[:])
	d.Copy(k.Metadata[:])
}

// AppendTo appends 336 octets.
func (k *ValidatorKeys) AppendTo(b []byte) []byte {
	b = append(b, k.Bandersnatch[:]...)
	b = append(b, k.Ed25519[:]...)
	b = append(b, k.BLS[:]...)
	return append(b, k.Metadata[:]...)
}

// AppendTo appends the set.
func (v Validators) AppendTo(b []byte) []byte {
	for i := range v {
		b = v[i].AppendTo(b)
	}
	return b
}
