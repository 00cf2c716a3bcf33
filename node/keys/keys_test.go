package keys

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/devchain"
	"damson/state"
)

// The vectors of JIP-5.
var jip5 = []struct{ seed, ed25519, bandersnatch string }{
	{
		strings.Repeat("00000000", 8),
		"996542becdf1e78278dc795679c825faca2e9ed2bf101bf3c4a236d3ed79cf59 4418fb8c85bb3985394a8c2756d3643457ce614546202a2f50b093d762499ace",
		"007596986419e027e65499cc87027a236bf4a78b5e8bd7f675759d73e7a9c799 ff71c6c03ff88adb5ed52c9681de1629a54e702fc14729f6b50d2f0a76f185b3",
	},
	{
		strings.Repeat("01000000", 8),
		"b81e308145d97464d2bc92d35d227a9e62241a16451af6da5053e309be4f91d7 ad93247bd01307550ec7acd757ce6fb805fcf73db364063265b30a949e90d933",
		"12ca375c9242101c99ad5fafe8997411f112ae10e0e5b7c4589e107c433700ac dee6d555b82024f1ccf8a1e37e60fa60fd40b1958c4bb3006af78647950e1b91",
	},
	{
		"f92d680ea3f0ac06307795490d8a03c5c0d4572b5e0a8cffec87e1294855d9d1",
		"f21e2d96a51387f9a7e5b90203654913dde7fa1044e3eba5631ed19f327d6126 11a695f674de95ff3daaff9a5b88c18448b10156bf88bc04200e48d5155c7243",
		"06154d857537a9b622a9a94b1aeee7d588db912bfc914a8a9707148bfba3b9d1 299bdfd8d615aadd9e6c58718f9893a5144d60e897bc9da1f3d73c935715c650",
	},
}

func TestDerive(t *testing.T) {
	for _, v := range jip5 {
		seed, err := ParseSeed(v.seed)
		if err != nil {
			t.Fatal(err)
		}
		secret := func(name string) string {
			s := seed.secret(name)
			return hex.EncodeToString(s[:])
		}
		public := seed.Derive().Public(netip.AddrPort{})
		if got := secret("jam_val_key_ed25519") + " " + hex.EncodeToString(public.Ed25519[:]); got != v.ed25519 {
			t.Errorf("Ed25519 of %s: %s, want %s", v.seed, got, v.ed25519)
		}
		if got := secret("jam_val_key_bandersnatch") + " " + hex.EncodeToString(public.Bandersnatch[:]); got != v.bandersnatch {
			t.Errorf("Bandersnatch of %s: %s, want %s", v.seed, got, v.bandersnatch)
		}
	}
}

// Development validators are the same here and in the chains that we make.
func TestDevelopmentValidators(t *testing.T) {
	for i, want := range devchain.Validators(6) {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 40000+uint16(i))
		got := Trivial(uint32(i)).Derive().Public(address)
		if got != want.Keys {
			t.Errorf("validator %d: %+v, want %+v", i, got, want.Keys)
		}
		if a := Address(&got); a != address {
			t.Errorf("validator %d is at %v", i, a)
		}
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{"[2001:db8::1]:1": "[2001:db8::1]:1", "[::ffff:1.2.3.4]:65535": "1.2.3.4:65535"} {
		var k state.ValidatorKeys
		SetAddress(&k, netip.MustParseAddrPort(text))
		if got := Address(&k).String(); got != want {
			t.Errorf("%s reads as %s", text, got)
		}
		SetAddress(&k, netip.AddrPort{})
		if k != (state.ValidatorKeys{}) || Address(&k).IsValid() {
			t.Errorf("no address is %v", k)
		}
	}
}

// saying answers with a passphrase.
func saying(passphrase string) func() (string, error) {
	return func() (string, error) { return passphrase, nil }
}

func TestFiles(t *testing.T) {
	v := Trivial(7).Derive()
	folder := t.TempDir()
	for name, o := range map[string]Options{"plain": {}, "encrypted": {Passphrase: saying("damson tree"), workFactor: 4}} {
		path := filepath.Join(folder, name+Suffix)
		if err := Save(path, v, o); err != nil {
			t.Fatal(err)
		}
		if err := Save(path, v, o); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: written twice: %v", name, err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		contents, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if hasSeed := strings.Contains(string(contents), hex.EncodeToString(v.Seed[:])); hasSeed == (o.Passphrase != nil) {
			t.Errorf("%s: the seed is legible: %v", name, hasSeed)
		}
		got, err := Load(path, o)
		if err != nil || got.Seed != v.Seed {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, o); !errors.Is(err, ErrReadable) {
			t.Errorf("%s: legible to others: %v", name, err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	encrypted := filepath.Join(folder, "encrypted"+Suffix)
	for name, o := range map[string]Options{"no": {}, "a wrong": {Passphrase: saying("plum tree")}, "an empty": {Passphrase: saying("")}} {
		if _, err := Load(encrypted, o); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s passphrase: %v", name, err)
		}
	}
	if err := Save(filepath.Join(folder, "no"), v, Options{Passphrase: saying("")}); err == nil {
		t.Error("encrypted with an empty passphrase")
	}
	if _, err := LoadFolder(folder, Options{Passphrase: saying("damson tree")}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder with a seed twice: %v", err)
	}
	if err := os.Remove(encrypted); err != nil {
		t.Fatal(err)
	}
	if all, err := LoadFolder(folder, Options{}); err != nil || len(all) != 1 || all[0].Seed != v.Seed {
		t.Errorf("the folder holds %d, %v", len(all), err)
	}
	if _, err := LoadFolder(t.TempDir(), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestDamagedFiles(t *testing.T) {
	contents, err := encode(Trivial(7).Derive(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	good := string(contents)
	for text, want := range map[string]error{
		good[:len(good)/2]:                       ErrFile,
		"":                                       ErrFile,
		"{}":                                     ErrFile,
		strings.Replace(good, "0700", "0800", 1): ErrMismatch,
		strings.Replace(good, "0700", "070", 1):  ErrFile,
		strings.Replace(good, `_name": "e`, `_name": "f`, 1): ErrMismatch,
		strings.Replace(good, "seed 1", "seed 2", 1):         ErrFile,
		good + strings.Repeat(" ", maxFile):                  ErrFile,
	} {
		if _, err := decode([]byte(text), Options{}); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", text, err, want)
		}
	}
}

func FuzzFile(f *testing.F) {
	v := Trivial(7).Derive()
	for _, o := range []Options{{}, {Passphrase: saying("x"), workFactor: 1}} {
		contents, err := encode(v, o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(contents)
	}
	f.Fuzz(func(t *testing.T, contents []byte) {
		if got, err := decode(contents, Options{}); err == nil && got.Seed.Derive().PeerName() != got.PeerName() {
			t.Fatal("another seed")
		}
	})
}
