package chainspec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/node/srsfile"
	"damson/state"
	"damson/state/trie"
)

// publicHash is the hash of the header that the public development chain begins with.
const publicHash = "2bf11dc5e1c7b9bbaafc2c8533017abc12daeb0baf22c92509ad50f7875e5716"

func validators(n int) state.Validators {
	var set state.Validators
	for _, v := range devchain.Validators(n) {
		set = append(set, v.Keys)
	}
	return set
}

func recipe() *Recipe {
	return &Recipe{ID: PublicID, Params: protocol.Tiny(), Validators: validators(6)}
}

func generate(tb testing.TB, r *Recipe) *Spec {
	tb.Helper()
	s, err := Generate(r)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func hash(s *Spec) string {
	h := s.HeaderHash()
	return hex.EncodeToString(h[:])
}

func TestVectors(t *testing.T) {
	for name, want := range map[string]struct {
		hash  string
		check error
	}{
		"dev-tiny-linux.chainspec.json": {publicHash, nil},
		"polkajam-dev-tiny.json":        {publicHash, nil},
		"boka-tiny.json":                {"9d38ff86", ErrUnrelated},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Decode(vectors.Read(t, "chainspecs/"+name))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(hash(s), want.hash) || s.ALPN() != "jamnp-s/0/"+want.hash[:8] {
				t.Errorf("hash %s, ALPN %s", hash(s), s.ALPN())
			}
			if err := s.Check(); !errors.Is(err, want.check) {
				t.Errorf("check: %v, want %v", err, want.check)
			}
			again, err := Decode(s.Encode())
			if err != nil || !bytes.Equal(again.Encode(), s.Encode()) || again.Genesis().Root() != s.Genesis().Root() {
				t.Errorf("written and read again: %v", err)
			}
		})
	}
}

// What the header says is the same without the codes of others, and with them the whole state is.
func TestGeneratePublicChain(t *testing.T) {
	own := generate(t, recipe())
	if hash(own) != publicHash {
		t.Errorf("hash %s, want %s", hash(own), publicHash)
	}
	if err := own.Check(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"dev-tiny-linux.chainspec.json", "polkajam-dev-tiny.json"} {
		want, err := Decode(vectors.Read(t, "chainspecs/"+name))
		if err != nil {
			t.Fatal(err)
		}
		r := recipe()
		for i := range want.State { // the code of the service is the longest value; the authorizer's begins with its name
			switch value := want.State[i].Value; {
			case len(value) > 100_000:
				r.Bootstrap = value
			case bytes.Contains(value, []byte("NULL Authorizer")):
				r.Authorizer = value
			}
		}
		if got := generate(t, r); !bytes.Equal(got.Encode(), want.Encode()) {
			t.Errorf("%s: the chain made of its parts differs", name)
		}
	}
}

// Chains that are not the public one have headers of their own.
func TestGenerateOthers(t *testing.T) {
	full := &Recipe{ID: PublicID, Params: protocol.Full(), Validators: validators(1023)}
	custom := protocol.Tiny()
	for symbol, value := range map[string]uint64{"V": 12, "C": 4} {
		if err := custom.Set(symbol, value); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]string)
	for name, r := range map[string]*Recipe{
		"public":      recipe(),
		"insecure":    {ID: PublicID, Params: protocol.Tiny(), Validators: validators(6), SRS: srsfile.DevInsecure},
		"other":       {ID: "other", Params: protocol.Tiny(), Validators: validators(6)},
		"other, both": {ID: "other", Params: protocol.Tiny(), Validators: validators(6), SRS: srsfile.DevInsecure},
		"custom":      {ID: PublicID, Params: custom, Validators: validators(12), SRS: srsfile.DevInsecure},
		"full":        full,
	} {
		s := generate(t, r)
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if other, twice := seen[hash(s)]; twice {
			t.Errorf("%s has the header of %s", name, other)
		}
		seen[hash(s)] = name
		if again, err := Decode(s.Encode()); err != nil || again.SRS != r.SRS || again.Genesis().Root() != s.Genesis().Root() {
			t.Errorf("%s: written and read again: %v", name, err)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Recipe)
		want   error
	}{
		"validators": {func(r *Recipe) { r.Validators = r.Validators[1:] }, ErrValidators},
		"SRS":        {func(r *Recipe) { r.SRS = "mine" }, ErrSRS},
		"ID":         {func(r *Recipe) { r.ID = "two words" }, ErrID},
		"no ID":      {func(r *Recipe) { r.ID = "" }, ErrID},
	} {
		r := recipe()
		c.change(r)
		if _, err := Generate(r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	r := recipe()
	r.Params.Cores = 3
	if _, err := Generate(r); err == nil {
		t.Error("three cores for six validators")
	}
}

func TestCheck(t *testing.T) {
	s := generate(t, recipe())
	s.SRS = srsfile.DevInsecure
	if err := s.Check(); !errors.Is(err, ErrRingRoot) {
		t.Errorf("on another SRS: %v", err)
	}
	s = generate(t, recipe())
	s.Header[0] = 1
	if err := s.Check(); !errors.Is(err, ErrUnrelated) {
		t.Errorf("with another header: %v", err)
	}
}

func TestServices(t *testing.T) {
	s := generate(t, recipe())
	s.State = append(s.State, trie.Change{Key: state.AccountKey(0x01020304)})
	if got := s.Services(); len(got) != 2 || got[0] != 0 || got[1] != 0x01020304 {
		t.Errorf("services %v", got)
	}
}

func TestBootnodes(t *testing.T) {
	name := devchain.Validators(1)[0].Keys.Ed25519
	for text, want := range map[string]string{
		"192.168.50.18:62061": "192.168.50.18:62061", "[2001:db8::1]:1": "[2001:db8::1]:1", "2001:db8::1:1": "[2001:db8::1]:1",
	} {
		b, err := ParseBootnode(name.PeerName() + "@" + text)
		if err != nil || b.Address != netip.MustParseAddrPort(want) || b.String() != name.PeerName()+"@"+want {
			t.Errorf("%s reads as %v, %v", text, b, err)
		}
	}
	for _, bad := range []string{
		"", "@", "1.2.3.4:5", name.PeerName(), name.PeerName() + "@", name.PeerName() + "@1.2.3.4", name.PeerName() + "@1.2.3.4:65536",
		name.PeerName() + "@localhost:1", name.PeerName() + "@[::1:1", name.PeerName() + "@[::1]x:1", name.PeerName() + "@fe80::1%eth0:1",
	} {
		if b, err := ParseBootnode(bad); !errors.Is(err, ErrBootnode) {
			t.Errorf("%q reads as %v, %v", bad, b, err)
		}
	}
	r := recipe()
	for _, text := range []string{"@1.2.3.4:5", "@[::1]:6"} {
		b, err := ParseBootnode(name.PeerName() + text)
		if err != nil {
			t.Fatal(err)
		}
		r.Bootnodes = append(r.Bootnodes, b)
	}
	s, err := Decode(generate(t, r).Encode())
	if err != nil || len(s.Bootnodes) != 2 || s.Bootnodes[1] != r.Bootnodes[1] {
		t.Errorf("bootnodes %v, %v", s.Bootnodes, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := string(generate(t, recipe()).Encode())
	slotKey := "0b" + strings.Repeat("00", 30)
	for name, c := range map[string]struct {
		from, to string
		want     error
	}{
		"nothing":             {good, "", ErrSyntax},
		"a list":              {good, "[]", ErrSyntax},
		"an empty object":     {good, "{}", ErrMissing},
		"cut":                 {good[len(good)/2:], "", ErrSyntax},
		"something after":     {"\n}\n", "\n}\n{}", ErrSyntax},
		"an ID twice":         {`"id":`, `"id": "x", "id":`, ErrTwice},
		"no ID":               {`"id":`, `"ID":`, ErrMissing},
		"ID a number":         {`"dev"`, `5`, ErrSyntax},
		"ID null":             {`"dev"`, `null`, ErrSyntax},
		"a key twice":         {`"` + slotKey + `":`, `"` + slotKey + `": "00", "0x` + slotKey + `":`, ErrTwice},
		"a short key":         {`"` + slotKey, `"` + slotKey[2:], ErrState},
		"a component less":    {`"` + slotKey, `"ee` + slotKey[2:], ErrState},
		"a component damaged": {`"00000000"`, `"0000"`, ErrState},
		"odd hexadecimal":     {`"00000000"`, `"000"`, ErrSyntax},
		"bad parameters":      {`"0a000000`, `"0a0000`, ErrParams},
		"a longer header":     {`"genesis_header": "`, `"genesis_header": "00`, ErrHeader},
		"an SRS":              {`"id":`, `"srs": "mine", "id":`, ErrSRS},
		"a bootnode":          {`[]`, `["x"]`, ErrBootnode},
		"bootnodes an object": {`[]`, `{}`, ErrSyntax},
	} {
		changed := strings.Replace(good, c.from, c.to, 1)
		if changed == good {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := Decode([]byte(changed)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for name, to := range map[string]string{"another key": `"more": {"a": [1]}, "id":`, "the ceremony": `"srs": "zcash", "id":`} {
		if s, err := Decode([]byte(strings.Replace(good, `"id":`, to, 1))); err != nil || string(s.Encode()) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing file is read")
	}
}

func FuzzDecode(f *testing.F) {
	for _, srs := range []string{"", srsfile.DevInsecure} {
		r := recipe()
		r.SRS = srs
		f.Add(generate(f, r).Encode())
	}
	f.Add([]byte(`{"id":"x","genesis_header":"0x","genesis_state":{"00":""},"protocol_parameters":"","bootnodes":["e@1:2"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data)
		if err != nil {
			return
		}
		_ = s.Check()
		again, err := Decode(s.Encode())
		if err != nil || !bytes.Equal(again.Encode(), s.Encode()) {
			t.Fatalf("written and read again: %v", err)
		}
	})
}
