// Package keys derives the keys of a validator from a seed, as JIP-5 says, and keeps the seed in a file: readable for its
// owner alone, and if wished encrypted with a passphrase, in the format of age.
package keys

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"

	"damson/crypto/bandersnatch"
	"damson/crypto/blake2b"
	"damson/crypto/bls"
	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/state"
)

// SeedSize is the length of a seed in octets.
const SeedSize = 32

// Seed is what all keys of a validator are derived from. Who knows it is the validator.
type Seed [SeedSize]byte

// NewSeed draws a seed.
func NewSeed() (s Seed, err error) {
	_, err = rand.Read(s[:])
	return s, err
}

// Trivial is the seed that everybody knows for a number: the seeds of development validators.
func Trivial(number uint32) (s Seed) {
	for i := 0; i < len(s); i += 4 {
		binary.LittleEndian.PutUint32(s[i:], number)
	}
	return s
}

// Validator holds the secrets of a validator. JIP-5 has no BLS key.
type Validator struct {
	Seed         Seed
	Ed25519      ed25519.PrivateKey
	Bandersnatch *bandersnatch.SecretKey
}

// Derive derives the secrets of a seed.
func (s Seed) Derive() *Validator {
	secret := s.secret("jam_val_key_bandersnatch")
	return &Validator{
		Seed:         s,
		Ed25519:      ed25519.NewPrivateKey(s.secret("jam_val_key_ed25519")),
		Bandersnatch: bandersnatch.NewSecretKey(secret[:]),
	}
}

// BLS is the secret for BEEFY. JIP-5 has none: it is derived as the others are. Its public key is on chains that are made with it.
func (v *Validator) BLS() *bls.SecretKey { return bls.NewKey(v.Seed.secret("jam_val_key_bls")) }

// secret is the secret seed of one kind of key.
func (s Seed) secret(name string) [32]byte { return blake2b.Sum256(append([]byte(name), s[:]...)) }

// PeerName is what the network calls the validator.
func (v *Validator) PeerName() string { return protocol.Ed25519Key(v.Ed25519.Public()).PeerName() }

// Public gives what the chain knows of the validator: its public keys, of which that for BLS is zero, and where it is
// reached. The address may be the zero one.
func (v *Validator) Public(address netip.AddrPort) state.ValidatorKeys {
	k := state.ValidatorKeys{Bandersnatch: v.Bandersnatch.Public().Bytes(), Ed25519: v.Ed25519.Public()}
	SetAddress(&k, address)
	return k
}

// SetAddress writes an address into the metadata: the IPv6 address, or the IPv4 address as one, and the port.
func SetAddress(k *state.ValidatorKeys, address netip.AddrPort) {
	k.Metadata = [len(k.Metadata)]byte{}
	if !address.IsValid() {
		return
	}
	ip := address.Addr().As16()
	binary.LittleEndian.PutUint16(k.Metadata[copy(k.Metadata[:], ip[:]):], address.Port())
}

// Address reads the address out of the metadata. It is invalid if there is none.
func Address(k *state.ValidatorKeys) netip.AddrPort {
	ip := netip.AddrFrom16([16]byte(k.Metadata[:16])).Unmap()
	port := binary.LittleEndian.Uint16(k.Metadata[16:])
	if port == 0 || ip.IsUnspecified() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, port)
}
