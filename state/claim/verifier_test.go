package claim

import (
	"errors"
	"fmt"
	"testing"

	"damson/crypto/bandersnatch"
	"damson/crypto/ed25519"
	"damson/internal/protocol"
)

const errRule = protocol.Invalid("test/false_claim")

func signatures(n int) (claims []Signature) {
	for i := range n {
		key := ed25519.NewPrivateKey([ed25519.SeedSize]byte{byte(i)})
		message := []byte(fmt.Sprintf("message %d", i))
		claims = append(claims, Signature{
			Key: key.Public(), Message: message, Signature: key.Sign(message),
			Where: Where{Kind: "signature", Index: i, Rule: errRule},
		})
	}
	return claims
}

func seal(seed string) Seal {
	key := bandersnatch.NewSecretKey([]byte(seed))
	signature := protocol.VRFSignature(key.Sign([]byte("input"), []byte("header")))
	return Seal{
		Key: key.Public().Bytes(), Input: []byte("input"), Message: []byte("header"), Signature: &signature,
		Where: Where{Kind: "seal", Rule: errRule},
	}
}

func TestSettle(t *testing.T) {
	v := New(Options{})
	for _, tc := range []struct {
		name  string
		spoil func(*Set)
		want  string
	}{
		{"all true", func(*Set) {}, ""},
		{"nothing claimed", func(s *Set) { *s = Set{} }, ""},
		{"a signature", func(s *Set) { s.Signatures[41].Message = []byte("another") }, "signature 41: test/false_claim"},
		{"a key that is no point", func(s *Set) { s.Signatures[3].Key = protocol.Ed25519Key{2} }, "signature 3: test/false_claim"},
		{"a seal's message", func(s *Set) { s.Seals[0].Message = nil }, "seal 0: test/false_claim"},
		{"a seal's key", func(s *Set) { s.Seals[0].Key = protocol.BandersnatchKey{} }, "seal 0: test/false_claim"},
		{"a ticket of no ring", func(s *Set) {
			s.Tickets = []Ticket{{Size: 6, Proof: new(protocol.RingSignature), Where: Where{Kind: "ticket", Index: 2, Rule: errRule}}}
		}, "ticket 2: test/false_claim"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &Set{Signatures: signatures(70), Seals: []Seal{seal("a"), seal("b")}}
			tc.spoil(s)
			err := v.Settle(s)
			if got := fmt.Sprint(err); tc.want == "" && err != nil || tc.want != "" && got != tc.want {
				t.Fatalf("%v, want %q", err, tc.want)
			}
			if err != nil && !errors.Is(err, errRule) {
				t.Error("the error does not wrap the rule")
			}
		})
	}
}

func TestRingRootIsRemembered(t *testing.T) {
	v := New(Options{})
	keys := []protocol.BandersnatchKey{seal("a").Key, seal("b").Key, {}}
	first, err := v.RingRoot(keys)
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.RingRoot(keys)
	if err != nil || again != first {
		t.Errorf("%x and then %x, %v", first, again, err)
	}
	keys[0] = keys[1]
	if other, err := v.RingRoot(keys); err != nil || other == first {
		t.Errorf("other keys give the same root, %v", err)
	}
}
