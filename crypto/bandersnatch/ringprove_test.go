package bandersnatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"damson/crypto/bandersnatch/srs"
	"damson/internal/vectors"
)

// ceremony is the setup of the Zcash ceremony with its file.
func ceremony(tb testing.TB) *Setup {
	tb.Helper()
	file := vectors.Read(tb, "bandersnatch/srs/zcash-srs-2-11-uncompressed.bin")
	s, err := loadCeremony(file)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

var ceremonySetup struct {
	once  sync.Once
	setup *Setup
	err   error
}

// loadCeremony keeps one setup for all tests, with the tables that it makes.
func loadCeremony(file []byte) (*Setup, error) {
	c := &ceremonySetup
	c.once.Do(func() {
		var reference *srs.SRS
		if reference, c.err = srs.Read(bytes.NewReader(file)); c.err == nil {
			c.setup = NewSetup(reference)
		}
	})
	return c.setup, c.err
}

var development = sync.OnceValue(func() *Setup { return NewSetup(srs.Development()) })

// The vectors were made without hiding: with rows of zeros the whole signature is theirs, octet by octet.
func TestProverVectors(t *testing.T) {
	setup := ceremony(t)
	eachVector(t, "ring", func(t *testing.T, v *proofVector, boundAD bool) {
		secret, err := ParseSecretKey(v.SK)
		if err != nil {
			t.Fatal(err)
		}
		prover, err := setup.NewRingProver(ringKeys(v.RingPks), ProverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if c := prover.Commitment(); !bytes.Equal(c[:], v.RingPksCom) {
			t.Errorf("commitment %x, want %x", c, v.RingPksCom)
		}
		in := NewInput(v.Alpha)
		blinding := blindingFactor(&secret.secret, in.encoded[:], v.AD)
		pedersen := secret.provePedersen(in, v.AD)
		if !boundAD {
			k, kb := nonce(&secret.secret, in.encoded[:]), nonce(&blinding, in.encoded[:])
			pedersen = secret.pedersenWith(in, v.AD, &blinding, &k, &kb)
		}
		sig, err := prover.prove(secret, &pedersen, &blinding, new(hidingRows))
		if want := ringSignature(v); err != nil || !bytes.Equal(sig[:], want) {
			t.Errorf("signature %x…, %v, want %x…", sig[:offsetColumns], err, want[:offsetColumns])
		}

		hidden, err := prover.Prove(secret, v.Alpha, v.AD)
		if err != nil {
			t.Fatal(err)
		}
		if boundAD && !bytes.Equal(hidden[:offsetColumns], sig[:offsetColumns]) {
			t.Error("the Pedersen part depends on the hiding rows")
		}
		if bytes.Equal(hidden[offsetColumns:offsetColumns+48], sig[offsetColumns:offsetColumns+48]) {
			t.Error("the columns are not hidden")
		}
		verifier, err := NewRingVerifier(prover.Commitment(), len(v.RingPks)/PublicKeySize)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(v.Alpha, v.AD, hidden[:]); err != nil {
			t.Errorf("verify: %v", err)
		}
	})
}

// someRing has members at both ends of a ring that are known, and others without a secret: random keys, padding, points of
// other orders, and one key twice.
func someRing(size int) (keys [][PublicKeySize]byte, members []*SecretKey) {
	for i := range size {
		secret := NewSecretKey(binary.LittleEndian.AppendUint32(nil, uint32(i)))
		keys = append(keys, secret.Public().Bytes())
		if i == 0 || i == size-1 || i == size/2 {
			members = append(members, secret)
		}
	}
	if size > 5 {
		keys[1] = [PublicKeySize]byte{}
		copy(keys[2][:], order2())
	}
	return keys, members
}

func TestProverOnSetups(t *testing.T) {
	sizes := []int{1, 6, 255, 1023}
	if vectors.Thorough() {
		sizes = append(sizes, 256, 767, 768, MaxRingSize)
	}
	for _, setup := range []*Setup{ceremony(t), development()} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("insecure=%v/ring=%d", setup.Insecure(), size), func(t *testing.T) { testProver(t, setup, size) })
		}
	}
}

func testProver(t *testing.T, setup *Setup, size int) {
	keys, members := someRing(size)
	prover, err := setup.NewRingProver(keys, ProverOptions{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	commitment, err := CommitRing(setup, keys)
	if err != nil || commitment != prover.Commitment() {
		t.Fatalf("commitment %x, %v, want %x", prover.Commitment(), err, commitment)
	}
	verifier, err := setup.NewRingVerifier(commitment, size)
	if err != nil {
		t.Fatal(err)
	}
	var batch []Signed
	for i, member := range members {
		input := []byte{byte(i)}
		sig, err := prover.Prove(member, input, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(input, nil, sig[:]); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
		if err := verifier.Verify(input, []byte{1}, sig[:]); !errors.Is(err, ErrSignature) {
			t.Errorf("member %d, other data: %v", i, err)
		}
		if out, err := Output(sig[:]); err != nil || out != member.Output(input) {
			t.Errorf("member %d: output %x, %v", i, out, err)
		}
		batch = append(batch, Signed{input, nil, sig[:]})
	}
	if err := verifier.VerifyBatch(batch, 2); err != nil {
		t.Errorf("batch: %v", err)
	}
	if _, err := prover.Prove(NewSecretKey([]byte("stranger")), nil, nil); !errors.Is(err, ErrNotInRing) {
		t.Errorf("a stranger's signature: %v", err)
	}
}

// A signature shows nothing on another setup, and claims on two setups may meet in one call.
func TestSetupsAreApart(t *testing.T) {
	keys, members := someRing(6)
	setups := []*Setup{ceremony(t), development()}
	var claims []*RingClaim
	var signatures [2][RingSignatureSize]byte
	for i, setup := range setups {
		prover, err := setup.NewRingProver(keys, ProverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if signatures[i], err = prover.Prove(members[0], []byte("input"), nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, setup := range setups {
		commitment, err := CommitRing(setup, keys)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := setup.NewRingVerifier(commitment, len(keys))
		if err != nil {
			t.Fatal(err)
		}
		for j := range signatures {
			if err := verifier.Verify([]byte("input"), nil, signatures[j][:]); (err == nil) != (i == j) {
				t.Errorf("signature on setup %d with setup %d: %v", j, i, err)
			}
			claim, err := verifier.Prepare(NewInput([]byte("input")), nil, signatures[j][:])
			if err != nil {
				t.Fatal(err)
			}
			claims = append(claims, claim)
		}
	}
	checkBad(t, VerifyClaims(claims, 2), []int{1, 2})
}

// The figures made from the file are those that stand in the source.
func TestComputedFigures(t *testing.T) {
	setup := ceremony(t)
	want, err := setup.domainFor(6)
	if err != nil {
		t.Fatal(err)
	}
	got, err := computeDomain(setup.reference, minDomain)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.slots, want.slots) || got.paddedX != want.paddedX || got.paddedY != want.paddedY || got.selector != want.selector {
		t.Error("the figures differ")
	}
}

func TestProverRefuses(t *testing.T) {
	keys, members := someRing(6)
	if _, err := Zcash().NewRingProver(keys, ProverOptions{}); !errors.Is(err, ErrNoReference) {
		t.Errorf("without the file: %v", err)
	}
	for _, size := range []int{0, MaxRingSize + 1} {
		if _, err := development().NewRingProver(make([][PublicKeySize]byte, size), ProverOptions{}); !errors.Is(err, ErrRingSize) {
			t.Errorf("ring of %d: %v", size, err)
		}
	}
	empty, err := development().NewRingProver(keys, ProverOptions{Random: bytes.NewReader(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Prove(members[0], nil, nil); err == nil {
		t.Error("a signature without randomness")
	}
	// A prover that lies about its blinding finds that its constraints do not hold.
	prover, err := development().NewRingProver(keys, ProverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	in := NewInput(nil)
	pedersen := members[0].provePedersen(in, nil)
	if _, err := prover.prove(members[0], &pedersen, &scalar{1}, new(hidingRows)); !errors.Is(err, ErrProof) {
		t.Errorf("another blinding: %v", err)
	}
}

// Proofs of one prover, many at once, with one seed: each input has hiding rows of its own.
func TestProverConcurrent(t *testing.T) {
	keys, members := someRing(6)
	prover, err := development().NewRingProver(keys, ProverOptions{Random: lockedZeros{}})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := development().NewRingVerifier(prover.Commitment(), len(keys))
	if err != nil {
		t.Fatal(err)
	}
	const count = 6
	batch := make([]Signed, count)
	var group sync.WaitGroup
	for i := range batch {
		group.Go(func() {
			sig, err := prover.Prove(members[i%len(members)], []byte{byte(i)}, []byte("ad"))
			if err != nil {
				t.Error(err)
			}
			batch[i] = Signed{[]byte{byte(i)}, []byte("ad"), sig[:]}
		})
	}
	group.Wait()
	if err := verifier.VerifyBatch(batch, 2); err != nil {
		t.Error(err)
	}
	again, err := prover.Prove(members[0], []byte{0}, []byte("ad"))
	if err != nil || !bytes.Equal(again[:], batch[0].Signature) {
		t.Errorf("the same randomness gives another signature, %v", err)
	}
}

type lockedZeros struct{}

func (lockedZeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// FuzzProver signs whatever it is told to, as any member, and verifies.
func FuzzProver(f *testing.F) {
	f.Add([]byte("seed"), uint8(3), uint8(6), []byte("input"), []byte("ad"))
	f.Fuzz(func(t *testing.T, seed []byte, index, size uint8, input, ad []byte) {
		if size == 0 {
			return
		}
		keys := make([][PublicKeySize]byte, size)
		random := rand.NewChaCha8([32]byte{0: index, 1: size})
		for i := range keys {
			_, _ = random.Read(keys[i][:])
		}
		secret := NewSecretKey(seed)
		keys[int(index)%len(keys)] = secret.Public().Bytes()
		prover, err := development().NewRingProver(keys, ProverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sig, err := prover.Prove(secret, input, ad)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := development().NewRingVerifier(prover.Commitment(), len(keys))
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(input, ad, sig[:]); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkProve(b *testing.B) {
	for _, size := range []int{6, 1023} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("ring=%d/workers=%d", size, workers), func(b *testing.B) {
				keys, members := someRing(size)
				prover, err := ceremony(b).NewRingProver(keys, ProverOptions{Workers: workers})
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if _, err := prover.Prove(members[0], []byte("input"), nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "proofs/s")
			})
		}
	}
}

func BenchmarkNewRingProver(b *testing.B) {
	for _, size := range []int{6, 1023} {
		b.Run(fmt.Sprintf("ring=%d", size), func(b *testing.B) {
			keys, _ := someRing(size)
			setup := ceremony(b)
			if _, err := setup.NewRingProver(keys, ProverOptions{}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := setup.NewRingProver(keys, ProverOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The cost of the first prover on a setup.
func BenchmarkNewSetup(b *testing.B) {
	for _, size := range []int{6, 1023} {
		b.Run(fmt.Sprintf("insecure=true/ring=%d", size), func(b *testing.B) {
			keys, _ := someRing(size)
			for b.Loop() {
				if _, err := NewSetup(srs.Development()).NewRingProver(keys, ProverOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
