package bandersnatch

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/bits"
	"math/rand/v2"
	"sync"
	"testing"

	"damson/internal/vectors"
)

// octets is hexadecimal in a vector.
type octets []byte

func (o *octets) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	decoded, err := hex.DecodeString(s)
	*o = decoded
	return err
}

// proofVector holds the fields of all three kinds of vector: plain, Pedersen and ring.
type proofVector struct {
	Comment                           string
	SK, PK, Alpha, AD, H, Gamma, Beta octets
	Salt                              json.RawMessage // always empty

	ProofC octets `json:"proof_c"`
	ProofS octets `json:"proof_s"`

	Blinding   octets
	ProofPkCom octets `json:"proof_pk_com"`
	ProofR     octets `json:"proof_r"`
	ProofOk    octets `json:"proof_ok"`
	ProofSb    octets `json:"proof_sb"`

	RingPks    octets `json:"ring_pks"`
	RingPksCom octets `json:"ring_pks_com"`
	RingProof  octets `json:"ring_proof"`
}

// vectorFolders holds two sets: in the older one, the nonces do not depend on the additional data.
var vectorFolders = []struct {
	folder   string
	boundAD  bool
	contents string
}{
	{"bandersnatch/", false, "ark-vrf 0.1"},
	{"bandersnatch/ark-vrf-0.2.2/", true, "ark-vrf 0.2.2"},
}

func eachVector(t *testing.T, kind string, check func(t *testing.T, v *proofVector, boundAD bool)) {
	for _, set := range vectorFolders {
		t.Run(set.contents, func(t *testing.T) {
			vectors.Cases(t, set.folder+"bandersnatch_sha-512_ell2_"+kind+".json", func(t *testing.T, v *proofVector) {
				check(t, v, set.boundAD)
			})
		})
	}
}

func TestPlainVectors(t *testing.T) {
	eachVector(t, "ietf", func(t *testing.T, v *proofVector, boundAD bool) {
		secret, err := ParseSecretKey(v.SK)
		if err != nil {
			t.Fatal(err)
		}
		if got := secret.Public().Bytes(); !bytes.Equal(got[:], v.PK) {
			t.Errorf("public key %x, want %x", got, v.PK)
		}
		in := NewInput(v.Alpha)
		if !bytes.Equal(in.encoded[:], v.H) {
			t.Errorf("input point %x, want %x", in.encoded, v.H)
		}
		want := bytes.Join([][]byte{v.Gamma, v.ProofC, v.ProofS}, nil)
		sig := secret.Sign(v.Alpha, v.AD)
		if !boundAD {
			sig = secret.sign(in, v.AD, nonce(&secret.secret, in.encoded[:]))
		}
		if !bytes.Equal(sig[:], want) {
			t.Errorf("signature %x, want %x", sig, want)
		}
		if sum := outputHash(sig[:32]); !bytes.Equal(sum[:], v.Beta) {
			t.Errorf("output %x, want %x", sum, v.Beta)
		}
		if out, err := Output(want); err != nil || !bytes.Equal(out[:], v.Beta[:32]) || out != secret.Output(v.Alpha) {
			t.Errorf("output %x, %v, want %x", out, err, v.Beta[:32])
		}
		public, err := ParsePublicKey(v.PK)
		if err != nil {
			t.Fatal(err)
		}
		if err := public.Verify(v.Alpha, v.AD, want); err != nil {
			t.Errorf("verify: %v", err)
		}
		if err := public.Verify(v.Alpha, append(v.AD, 0), want); !errors.Is(err, ErrSignature) {
			t.Errorf("verify with other data: %v", err)
		}
		if err := public.Verify(append(v.Alpha, 0), v.AD, want); !errors.Is(err, ErrSignature) {
			t.Errorf("verify with other input: %v", err)
		}
		for bit := range 8 * len(want) {
			changed := bytes.Clone(want)
			changed[bit/8] ^= 1 << (bit % 8)
			if err := public.VerifyInput(in, v.AD, changed); err == nil {
				t.Errorf("signature with bit %d changed is accepted", bit)
			}
		}
	})
}

func TestPedersenVectors(t *testing.T) {
	eachVector(t, "pedersen", func(t *testing.T, v *proofVector, boundAD bool) {
		in := NewInput(v.Alpha)
		want := bytes.Join([][]byte{v.Gamma, v.ProofPkCom, v.ProofR, v.ProofOk, v.ProofS, v.ProofSb}, nil)
		secret, err := ParseSecretKey(v.SK)
		if err != nil {
			t.Fatal(err)
		}
		b := blindingFactor(&secret.secret, in.encoded[:], v.AD)
		if got := b.append(nil); !bytes.Equal(got, v.Blinding) {
			t.Errorf("blinding %x, want %x", got, v.Blinding)
		}
		proof := secret.provePedersen(in, v.AD)
		if !boundAD {
			k, kb := nonce(&secret.secret, in.encoded[:]), nonce(&b, in.encoded[:])
			proof = secret.pedersenWith(in, v.AD, &b, &k, &kb)
		}
		if got := proof.append(nil); !bytes.Equal(got, want) {
			t.Errorf("proof %x, want %x", got, want)
		}
		for bit := -1; bit < 8*len(want); bit++ {
			changed := bytes.Clone(want)
			if bit >= 0 {
				changed[bit/8] ^= 1 << (bit % 8)
			}
			p, err := decodePedersen(changed, in, v.AD)
			if ok := err == nil && p.verify(in); ok != (bit < 0) {
				t.Errorf("proof with bit %d changed: accepted %v, %v", bit, ok, err)
			}
		}
	})
}

// The challenge is taken modulo the order, the response must be below it.
func TestScalarsOfSignatures(t *testing.T) {
	secret := NewSecretKey([]byte("scalars"))
	sig := secret.Sign([]byte("input"), nil)
	public := secret.Public()
	plusOrder := func(at int) []byte {
		changed := bytes.Clone(sig[:])
		s := scalarLE(changed[at:])
		var carry uint64
		for i := range s {
			s[i], carry = bits.Add64(s[i], order[i], carry)
		}
		s.append(changed[:at])
		return changed
	}
	if err := public.Verify([]byte("input"), nil, plusOrder(32)); err != nil {
		t.Errorf("challenge plus the order: %v", err)
	}
	if err := public.Verify([]byte("input"), nil, plusOrder(64)); !errors.Is(err, ErrScalar) {
		t.Errorf("response plus the order: %v", err)
	}
	for _, length := range []int{0, 95, 97} {
		if err := public.Verify([]byte("input"), nil, make([]byte, length)); !errors.Is(err, ErrLength) {
			t.Errorf("%d octets: %v", length, err)
		}
	}
}

// With the key 0 everything is the identity, which the scheme accepts in both of its encodings.
func TestIdentityIsAccepted(t *testing.T) {
	identity := make([]byte, PublicKeySize)
	identity[0] = 1
	public, err := ParsePublicKey(identity)
	if err != nil {
		t.Fatal(err)
	}
	zero := &SecretKey{public: public}
	in := NewInput([]byte("input"))
	sig := zero.sign(in, nil, scalar{5})
	if err := public.VerifyInput(in, nil, sig[:]); err != nil {
		t.Errorf("identity: %v", err)
	}
	canonical, err := Output(sig[:])
	if err != nil {
		t.Fatal(err)
	}
	sig[31] |= 0x80
	if err := public.VerifyInput(in, nil, sig[:]); err != nil {
		t.Errorf("identity with a sign: %v", err)
	}
	if out, err := Output(sig[:]); err != nil || out != canonical {
		t.Errorf("output %x, %v, want %x", out, err, canonical)
	}
}

// seedKeys are three of the bandersnatch_secret_seed of JIP-5 and the public keys to them.
var seedKeys = map[string]string{
	"007596986419e027e65499cc87027a236bf4a78b5e8bd7f675759d73e7a9c799": "ff71c6c03ff88adb5ed52c9681de1629a54e702fc14729f6b50d2f0a76f185b3",
	"12ca375c9242101c99ad5fafe8997411f112ae10e0e5b7c4589e107c433700ac": "dee6d555b82024f1ccf8a1e37e60fa60fd40b1958c4bb3006af78647950e1b91",
	"3d71dc0ffd02d90524fda3e4a220e7ec514a258c59457d3077ce4d4f003fd98a": "9326edb21e5541717fde24ec085000b28709847b8aab1ac51f84e94b37ca1b66",
}

// The secret seeds of JIP-5 and the keys that it gives for them.
func TestSecretKeys(t *testing.T) {
	if _, err := ParseSecretKey(make([]byte, 32)); !errors.Is(err, ErrScalar) {
		t.Errorf("secret 0: %v", err)
	}
	if _, err := ParseSecretKey(order.append(nil)); !errors.Is(err, ErrScalar) {
		t.Errorf("secret r: %v", err)
	}
	if _, err := ParseSecretKey(make([]byte, 31)); !errors.Is(err, ErrLength) {
		t.Errorf("short secret: %v", err)
	}
	for seed, want := range seedKeys {
		b, err := hex.DecodeString(seed)
		if err != nil {
			t.Fatal(err)
		}
		if got := NewSecretKey(b).Public().Bytes(); hex.EncodeToString(got[:]) != want {
			t.Errorf("key of %s is %x, want %s", seed, got, want)
		}
	}
}

// A kept key may be used from many goroutines at once.
func TestConcurrentVerify(t *testing.T) {
	secret := NewSecretKey([]byte("concurrent"))
	sig := secret.Sign([]byte("input"), nil)
	encoded := secret.Public().Bytes()
	public, err := ParsePublicKey(encoded[:])
	if err != nil {
		t.Fatal(err)
	}
	in := NewInput([]byte("input"))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5 {
				if err := public.VerifyInput(in, nil, sig[:]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestSignAndVerifyManyTimes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 150 {
		seed := binary.LittleEndian.AppendUint64(nil, rng.Uint64())
		secret := NewSecretKey(seed)
		input, ad := seed[:rng.IntN(len(seed))], bytes.Repeat(seed, rng.IntN(40))
		sig := secret.Sign(input, ad)
		if err := secret.Public().Verify(input, ad, sig[:]); err != nil {
			t.Fatalf("signature %d: %v", i, err)
		}
		if out, err := Output(sig[:]); err != nil || out != secret.Output(input) {
			t.Fatalf("output %d: %x, %v", i, out, err)
		}
		at := rng.IntN(len(sig))
		sig[at] ^= 1 << rng.IntN(8)
		if err := secret.Public().Verify(input, ad, sig[:]); err == nil {
			t.Fatalf("signature %d with octet %d changed is accepted", i, at)
		}
	}
}
