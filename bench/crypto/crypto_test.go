// Package crypto times signatures, ring proofs and erasure coding as block import and availability use them.
package crypto

import (
	stdlib "crypto/ed25519"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"damson/crypto/bandersnatch"
	"damson/crypto/ed25519"
	"damson/internal/erasure"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

// BenchmarkYardstick is one verification by Go's standard library, to compare machines and days.
func BenchmarkYardstick(b *testing.B) {
	seed := make([]byte, stdlib.SeedSize)
	key := stdlib.NewKeyFromSeed(seed)
	message := make([]byte, 45)
	signature := stdlib.Sign(key, message)
	public := key.Public().(stdlib.PublicKey)
	for b.Loop() {
		if !stdlib.Verify(public, message, signature) {
			b.Fatal("a good signature was refused")
		}
	}
}

// BenchmarkVRF verifies and makes signatures like seals.
func BenchmarkVRF(b *testing.B) {
	secret := bandersnatch.NewSecretKey(make([]byte, bandersnatch.SeedSize))
	input, header := make([]byte, 50), make([]byte, 300)
	signature := secret.Sign(input, header)
	b.Run("op=verify", func(b *testing.B) {
		key := secret.Public()
		for b.Loop() {
			if err := key.Verify(input, header, signature[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=sign", func(b *testing.B) {
		for b.Loop() {
			secret.Sign(input, header)
		}
	})
}

// ringVector is an official ring signature: its fields in hexadecimal, by name.
type ringVector map[string]string

func (v ringVector) octets(tb testing.TB, names ...string) (all []byte) {
	for _, name := range names {
		octets, err := hex.DecodeString(v[name])
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, octets...)
	}
	return all
}

// BenchmarkRing verifies ring proofs of one block together, and commits to rings.
func BenchmarkRing(b *testing.B) {
	v := (*vectors.JSON[[]ringVector](b, "bandersnatch/bandersnatch_sha-512_ell2_ring.json"))[1]
	commitment := [bandersnatch.RingCommitmentSize]byte(v.octets(b, "ring_pks_com"))
	ring, err := bandersnatch.NewRingVerifier(commitment, len(v.octets(b, "ring_pks"))/bandersnatch.PublicKeySize)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 3, 16} {
		b.Run(fmt.Sprintf("op=verify/batch=%d", n), func(b *testing.B) {
			one := bandersnatch.Signed{
				Input: v.octets(b, "alpha"), AD: v.octets(b, "ad"),
				Signature: v.octets(b, "gamma", "proof_pk_com", "proof_r", "proof_ok", "proof_s", "proof_sb", "ring_proof"),
			}
			batch := slices.Repeat([]bandersnatch.Signed{one}, n)
			for b.Loop() {
				if err := ring.VerifyBatch(batch, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, n := range []int{6, 1023} {
		b.Run(fmt.Sprintf("op=commit/keys=%d", n), func(b *testing.B) {
			keys := make([]protocol.BandersnatchKey, n)
			for i := range keys {
				keys[i] = bandersnatch.NewSecretKey([]byte(fmt.Sprintf("%032d", i))).Public().Bytes()
			}
			for b.Loop() {
				if _, err := bandersnatch.RingCommitment(keys); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEd25519 verifies signatures of known keys, alone and in batches, on one core.
func BenchmarkEd25519(b *testing.B) {
	for _, n := range []int{1, 64, 1023} {
		b.Run(fmt.Sprintf("op=verify/batch=%d", n), func(b *testing.B) {
			cache := ed25519.NewKeyCache(8 << 20)
			var batch ed25519.Batch
			for i := range n {
				key := ed25519.NewPrivateKey([ed25519.SeedSize]byte{byte(i), byte(i >> 8)})
				message := []byte(fmt.Sprintf("jam_available%032d", i))
				batch.AddKey(cache.Key(key.Public()), message, key.Sign(message))
			}
			for b.Loop() {
				if !batch.Verify() {
					b.Fatal("a good batch was refused")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
		})
	}
}

// BenchmarkErasure encodes a blob and recovers it from the shards that say least: all parity.
func BenchmarkErasure(b *testing.B) {
	for _, chain := range []string{"tiny", "full"} {
		p, _ := protocol.Named(chain)
		coder, err := erasure.New(p.RecoveryThreshold(), p.Validators)
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		blob := make([]byte, p.PieceOctets*max(1, (1<<20)/p.PieceOctets))
		for i := range blob {
			blob[i] = byte(rng.Uint32())
		}
		shards := coder.Encode(blob)
		b.Run("op=encode/chain="+chain, func(b *testing.B) {
			b.SetBytes(int64(len(blob)))
			for b.Loop() {
				coder.Encode(blob)
			}
		})
		b.Run("op=recover/chain="+chain, func(b *testing.B) {
			var held []erasure.Shard
			for i := len(shards) - p.RecoveryThreshold(); i < len(shards); i++ {
				held = append(held, erasure.Shard{Index: i, Data: shards[i]})
			}
			b.SetBytes(int64(len(blob)))
			for b.Loop() {
				if _, err := coder.Recover(held, len(blob)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
