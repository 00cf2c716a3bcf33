package protocol

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func TestPeerName(t *testing.T) {
	for key, name := range map[string]string{ // of development validators
		"4418fb8c85bb3985394a8c2756d3643457ce614546202a2f50b093d762499ace": "eecgwpgwq3noky4ijm4jmvjtmuzv44qvigciusxakq5epnrfj2utb",
		"ad93247bd01307550ec7acd757ce6fb805fcf73db364063265b30a949e90d933": "en5ejs5b2tybkfh4ym5vpfh7nynby73xhtfzmazumtvcijpcsz6ma",
		"ab0084d01534b31c1dd87c81645fd762482a90027754041ca1b56133d0466c06": "elfaiiixcuzmzroa34lajwp52cdsucikaxdviaoeuvnygdi3imtba",
	} {
		octets, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		if got := Ed25519Key(octets).PeerName(); got != name {
			t.Errorf("%s is %s, want %s", key, got, name)
		}
		if got, err := ParsePeerName(name); err != nil || got != Ed25519Key(octets) {
			t.Errorf("%s is %x, %v", name, got, err)
		}
	}
	zeros := "e" + strings.Repeat("a", 52)
	for _, bad := range []string{
		"", "e", zeros[1:], zeros + "a", "f" + zeros[1:], zeros[:52] + "q", zeros[:52] + "7", strings.ToUpper(zeros), zeros[:52] + "1",
	} {
		if k, err := ParsePeerName(bad); !errors.Is(err, ErrPeerName) || k != (Ed25519Key{}) {
			t.Errorf("%q is %x, %v", bad, k, err)
		}
	}
}

func FuzzPeerName(f *testing.F) {
	f.Add("eecgwpgwq3noky4ijm4jmvjtmuzv44qvigciusxakq5epnrfj2utb")
	f.Fuzz(func(t *testing.T, name string) {
		if k, err := ParsePeerName(name); err == nil && k.PeerName() != name {
			t.Fatalf("%q is %x, whose name is %q", name, k, k.PeerName())
		}
	})
}

func TestSetParams(t *testing.T) {
	p := Tiny()
	values := map[string]uint64{"V": 12, "C": 4, "P": 1}
	for symbol, value := range values {
		if err := p.Set(symbol, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Validate(); err != nil || p.Validators != 12 || p.Cores != 4 || p.SlotSeconds != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	for name, value := range p.All() {
		symbol, _, _ := strings.Cut(name, " ")
		if want, set := values[symbol]; set && value != want {
			t.Errorf("%s is %d", name, value)
		}
	}
	for symbol, value := range map[string]uint64{"V": 1 << 16, "validators": 1, "": 1} {
		if err := p.Set(symbol, value); err == nil {
			t.Errorf("%q is set to %d", symbol, value)
		}
	}
}
