package ed25519

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/hdevalence/ed25519consensus"

	"damson/internal/vectors"
)

// conformance is one of the edge cases in which rules other than ZIP-215 differ. All of them are good.
type conformance struct {
	Number     int    `json:"number"`
	Desc       string `json:"desc"`
	Public     string `json:"pk"`
	R          string `json:"r"`
	S          string `json:"s"`
	Message    string `json:"msg"`
	CanonicalA bool   `json:"pk_canonical"`
	CanonicalR bool   `json:"r_canonical"`
}

func (c *conformance) signed(tb testing.TB) signed {
	var s signed
	for _, part := range []struct {
		text string
		to   []byte
	}{{c.Public, s.public[:]}, {c.R, s.signature[:32]}, {c.S, s.signature[32:]}} {
		if n, err := hex.Decode(part.to, []byte(part.text)); err != nil || n != 32 {
			tb.Fatalf("case %d: %q: %v", c.Number, part.text, err)
		}
	}
	message, err := hex.DecodeString(c.Message)
	if err != nil {
		tb.Fatal(err)
	}
	s.message = message
	return s
}

func TestVectors(t *testing.T) {
	var all Batch
	vectors.Cases(t, "ed25519/vectors.json", func(t *testing.T, c *conformance) {
		s := c.signed(t)
		if !s.good() {
			t.Errorf("%s: refused", c.Desc)
		}
		if !NewKey(s.public).Verify(s.message, s.signature) {
			t.Errorf("%s: refused under the prepared key", c.Desc)
		}
		all.Add(s.public, s.message, s.signature)
	})
	if !all.Verify() || !all.VerifyParallel() {
		t.Error("refused in a batch")
	}
	if all.Len() != 196 {
		t.Errorf("%d cases, want 196", all.Len())
	}
}

// RFC 8032 §7.1, tests 1 to 3.
func TestSign(t *testing.T) {
	for _, tc := range []struct{ seed, public, message, signature string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
			"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
			"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		seed, err := hex.DecodeString(tc.seed)
		if err != nil {
			t.Fatal(err)
		}
		message, err := hex.DecodeString(tc.message)
		if err != nil {
			t.Fatal(err)
		}
		private := NewPrivateKey([SeedSize]byte(seed))
		public, signature := private.Public(), private.Sign(message)
		if hex.EncodeToString(public[:]) != tc.public {
			t.Errorf("public key %x, want %s", public, tc.public)
		}
		if hex.EncodeToString(signature[:]) != tc.signature {
			t.Errorf("signature %x, want %s", signature, tc.signature)
		}
		if !Verify(public, message, signature) {
			t.Error("refuses its own signature")
		}
	}
}

// Every way to verify must agree with every other one and with an independent implementation of ZIP-215, on
// signatures good, broken and odd.
func TestAgreement(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 5
	}
	rng := rand.New(rand.NewPCG(7, 8))
	odd := oddPoints(t)
	cache := NewKeyCache(20 * keyBytes)
	for range rounds {
		var plain, prepared, mixed Batch
		var want []int
		n := 1 + rng.IntN(150)
		for i := range n {
			s := newSigned(rng)
			if rng.IntN(20) == 0 {
				s.mutate(rng, odd)
			}
			good := ed25519consensus.Verify(s.public[:], s.message, s.signature[:])
			if !good {
				want = append(want, i)
			}
			key := cache.Key(s.public)
			if s.good() != good || key.Verify(s.message, s.signature) != good {
				t.Fatalf("%x %x %x: single %v, prepared %v, want %v",
					s.public, s.message, s.signature, s.good(), key.Verify(s.message, s.signature), good)
			}
			plain.Add(s.public, s.message, s.signature)
			prepared.AddKey(key, s.message, s.signature)
			if rng.IntN(2) == 0 {
				mixed.Add(s.public, s.message, s.signature)
			} else {
				mixed.AddKey(key, s.message, s.signature)
			}
		}
		for name, b := range map[string]*Batch{"plain": &plain, "prepared": &prepared, "mixed": &mixed} {
			if got := b.Bad(); !slices.Equal(got, want) {
				t.Fatalf("%s batch of %d: bad are %v, want %v", name, n, got, want)
			}
			if got := b.Verify(); got != (want == nil) {
				t.Fatalf("%s batch of %d: %v, bad are %v", name, n, got, want)
			}
			if got := b.VerifyParallel(); got != (want == nil) {
				t.Fatalf("%s batch of %d in parallel: %v, bad are %v", name, n, got, want)
			}
		}
	}
}

// One odd point as key or as R, with S = 0 or S at the group order: what a hostile signer would send.
func TestOddPoints(t *testing.T) {
	order, err := hex.DecodeString("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range oddPoints(t) {
		for _, r := range oddPoints(t) {
			for _, scalar := range [][]byte{make([]byte, 32), order} {
				s := signed{public: a, message: []byte("m")}
				copy(s.signature[:], r[:])
				copy(s.signature[32:], scalar)
				want := ed25519consensus.Verify(s.public[:], s.message, s.signature[:])
				var b Batch
				for range 5 {
					b.Add(s.public, s.message, s.signature)
				}
				if got := s.good(); got != want || b.Verify() != want || NewKey(a).Verify(s.message, s.signature) != want {
					t.Errorf("key %x, R %x, S %x: %v, want %v", a, r, scalar, got, want)
				}
			}
		}
	}
}

func TestBatchReset(t *testing.T) {
	var b Batch
	if !b.Verify() || b.Bad() != nil {
		t.Error("an empty batch is bad")
	}
	b.Add([32]byte{2}, nil, [64]byte{})
	if b.Verify() || !slices.Equal(b.Bad(), []int{0}) {
		t.Error("garbage is good")
	}
	b.Reset()
	if !b.Verify() || b.Len() != 0 {
		t.Error("Reset left something")
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	cache := NewKeyCache(8 * keyBytes)
	signatures := make([]signed, 30)
	for i := range signatures {
		signatures[i] = newSigned(rng)
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(11, uint64(worker)))
			for range 200 {
				s := &signatures[rng.IntN(len(signatures))]
				if key := cache.Key(s.public); key.Public() != s.public {
					t.Error("another key came back")
				}
			}
		})
	}
	wg.Wait()
	hits, misses, keys := cache.Stats()
	if keys != 8 || hits+misses != 800 || hits == 0 {
		t.Errorf("%d hits, %d misses, %d keys", hits, misses, keys)
	}
	kept := cache.Key(signatures[0].public)
	for _, s := range signatures[1:8] {
		cache.Key(s.public)
	}
	if cache.Key(signatures[0].public) != kept {
		t.Error("a key went before older ones")
	}
}

func BenchmarkVerify(b *testing.B) {
	s := newSigned(rand.New(rand.NewPCG(1, 1)))
	key := NewKey(s.public)
	b.Run("key=plain", func(b *testing.B) {
		for b.Loop() {
			s.good()
		}
	})
	b.Run("key=prepared", func(b *testing.B) {
		for b.Loop() {
			key.Verify(s.message, s.signature)
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 2, 3, 5, 15, 64, 256, 1023} {
		rng := rand.New(rand.NewPCG(1, 1))
		var plain, prepared Batch
		for range n {
			s := newSigned(rng)
			plain.Add(s.public, s.message, s.signature)
			prepared.AddKey(NewKey(s.public), s.message, s.signature)
		}
		for name, batch := range map[string]*Batch{"plain": &plain, "prepared": &prepared} {
			b.Run(fmt.Sprintf("key=%s/n=%d", name, n), func(b *testing.B) {
				for b.Loop() {
					batch.Verify()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
			})
		}
	}
}

func BenchmarkSign(b *testing.B) {
	key := NewPrivateKey([SeedSize]byte{1})
	message := make([]byte, 64)
	for b.Loop() {
		key.Sign(message)
	}
}

type signed struct {
	public    [PublicKeySize]byte
	signature [SignatureSize]byte
	message   []byte
}

func (s *signed) good() bool { return Verify(s.public, s.message, s.signature) }

func newSigned(rng *rand.Rand) signed {
	var seed [SeedSize]byte
	for i := range seed {
		seed[i] = byte(rng.Uint32())
	}
	key := NewPrivateKey(seed)
	message := make([]byte, rng.IntN(200))
	for i := range message {
		message[i] = byte(rng.Uint32())
	}
	return signed{key.Public(), key.Sign(message), message}
}

// mutate breaks s in one of the ways that matter, or puts an odd point in.
func (s *signed) mutate(rng *rand.Rand, odd [][32]byte) {
	switch rng.IntN(6) {
	case 0:
		s.public[rng.IntN(len(s.public))] ^= 1 << rng.IntN(8)
	case 1:
		s.signature[rng.IntN(32)] ^= 1 << rng.IntN(8)
	case 2:
		s.signature[32+rng.IntN(32)] ^= 1 << rng.IntN(8)
	case 3:
		s.message = append([]byte{1}, s.message...)
	case 4:
		s.public = odd[rng.IntN(len(odd))]
	case 5:
		copy(s.signature[:], odd[rng.IntN(len(odd))][:])
		clear(s.signature[32:])
	}
}

// oddPoints are the encodings of the eight points of small order, non-canonical ones among them, and
// encodings of no point at all.
func oddPoints(tb testing.TB) (points [][32]byte) {
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"0200000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			tb.Fatal(err)
		}
		points = append(points, [32]byte(point))
	}
	return points
}
