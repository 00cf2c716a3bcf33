package claim

import (
	"errors"
	"testing"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/internal/protocol"
)

// Tickets proved on a setup settle on a verifier with that setup, and on no other.
func TestTicketsOnSetups(t *testing.T) {
	const members = 6
	var secrets []*bandersnatch.SecretKey
	var keys []protocol.BandersnatchKey
	var plain [][bandersnatch.PublicKeySize]byte
	for i := range members {
		secret := bandersnatch.NewSecretKey([]byte{byte(i)})
		secrets = append(secrets, secret)
		keys = append(keys, secret.Public().Bytes())
		plain = append(plain, secret.Public().Bytes())
	}
	setup := bandersnatch.NewSetup(srs.Development())
	prover, err := setup.NewRingProver(plain, bandersnatch.ProverOptions{})
	if err != nil {
		t.Fatal(err)
	}
	v := New(Options{Setup: setup})
	if err := v.Warm(members); err != nil {
		t.Fatal(err)
	}
	root, err := v.RingRoot(keys)
	if err != nil || root != prover.Commitment() {
		t.Fatalf("root %x, %v", root, err)
	}
	rule := protocol.Invalid("test/bad_proof")
	var claims []Ticket
	for i := range 3 {
		input := []byte{byte(i)}
		proof, err := prover.Prove(secrets[2*i], input, nil)
		if err != nil {
			t.Fatal(err)
		}
		signature := protocol.RingSignature(proof)
		claims = append(claims, Ticket{root, members, input, &signature, Where{"ticket", i, rule}})
	}
	if err := v.Tickets(claims); err != nil {
		t.Error(err)
	}
	if err := New(Options{}).Tickets(claims); !errors.Is(err, rule) {
		t.Errorf("on the setup of the ceremony: %v", err)
	}
	if other, err := New(Options{}).RingRoot(keys); err != nil || other == root {
		t.Errorf("both setups give the root %x, %v", other, err)
	}
}
