package devchain

import (
	"encoding/binary"
	"runtime"
	"sync"

	"damson/crypto/bandersnatch"
	"damson/crypto/blake2b"
	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/state"
)

// Validator is a validator with its secrets.
type Validator struct {
	Keys         state.ValidatorKeys
	Ed25519      ed25519.PrivateKey
	Bandersnatch *bandersnatch.SecretKey
}

// Validators makes the first n development validators of JIP-5. Their BLS keys are zero.
func Validators(n int) []Validator {
	list := make([]Validator, n)
	each(n, func(i int) { list[i] = validator(uint32(i)) })
	return list
}

func validator(index uint32) (v Validator) {
	var seed [32]byte
	for i := 0; i < len(seed); i += 4 {
		binary.LittleEndian.PutUint32(seed[i:], index)
	}
	derive := func(name string) [32]byte { return blake2b.Sum256(append([]byte(name), seed[:]...)) }
	v.Ed25519 = ed25519.NewPrivateKey(derive("jam_val_key_ed25519"))
	secret := derive("jam_val_key_bandersnatch")
	v.Bandersnatch = bandersnatch.NewSecretKey(secret[:])
	v.Keys.Ed25519 = v.Ed25519.Public()
	v.Keys.Bandersnatch = v.Bandersnatch.Public().Bytes()
	address := [...]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1} // ::ffff:127.0.0.1
	copy(v.Keys.Metadata[:], address[:])
	binary.LittleEndian.PutUint16(v.Keys.Metadata[len(address):], firstPort+uint16(index))
	return v
}

// firstPort is the port of validator 0 on development chains.
const firstPort = 40_000

// each calls do with every number below n, many at once.
func each(n int, do func(int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	group.Wait()
}

// sum hashes octets in pieces.
func sum(pieces ...[]byte) protocol.Hash {
	var h blake2b.Hasher
	for _, piece := range pieces {
		h.Write(piece)
	}
	return h.Sum()
}
