package bandersnatch

import (
	"sync"
	"testing"
)

func TestCacheIsBounded(t *testing.T) {
	var g generations[int, int]
	g.bound = 10
	for i := range 1000 {
		for _, key := range []int{i, 3} { // 3 is always in use
			v, err := g.get(key, func() (int, error) {
				if key == 3 && i > 3 {
					t.Fatalf("a value in use is forgotten after %d", i)
				}
				return -key, nil
			})
			if v != -key || err != nil {
				t.Fatalf("%d has the value %d, %v", key, v, err)
			}
		}
		if len(g.young)+len(g.old) > g.bound {
			t.Fatalf("%d entries", len(g.young)+len(g.old))
		}
	}
	if _, err := g.get(-1, func() (int, error) { return 0, ErrPoint }); err == nil {
		t.Error("no error")
	}
	if v, err := g.get(-1, func() (int, error) { return 5, nil }); v != 5 || err != nil {
		t.Errorf("an error is kept: %d, %v", v, err)
	}
}

func TestCacheFromManyGoroutines(t *testing.T) {
	c := NewCache(Zcash(), 4)
	secrets := make([]*SecretKey, 6)
	ring := make([][PublicKeySize]byte, len(secrets))
	for i := range secrets {
		secrets[i] = NewSecretKey([]byte{byte(i)})
		ring[i] = secrets[i].Public().Bytes()
	}
	want, err := RingCommitment(ring)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i, secret := range secrets {
				key, err := c.PublicKey(secret.Public().Bytes())
				if err != nil {
					t.Error(err)
					return
				}
				sig := secret.Sign([]byte("input"), nil)
				if err := key.VerifyInput(c.Input([]byte("input")), nil, sig[:]); err != nil {
					t.Error(err)
				}
				got, err := c.RingCommitment(ring)
				if err != nil || got != want {
					t.Errorf("commitment %d: %x, %v", i, got, err)
				}
				if _, err := c.RingVerifier(got, len(ring)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if c.Input(make([]byte, 2*maxInputOctets)) == nil {
		t.Error("no input")
	}
}
