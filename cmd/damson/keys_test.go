package main

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/golden"
	"damson/node/keys"
)

func shownAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	address, err := devAddress(0, firstDevPort)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestKeysCommands(t *testing.T) {
	golden.Equal(t, "keys.txt", script(t, t.TempDir(),
		"keys inspect --dev 0,5",
		"keys inspect --dev 1 --json --secret",
		"keys inspect --seed 0xf92d680ea3f0ac06307795490d8a03c5c0d4572b5e0a8cffec87e1294855d9d1",
		"keys inspect --seed f92d",
		"keys inspect --dev 25536",
		"keys inspect",
	))
}

func TestKeysGenerate(t *testing.T) {
	folder := t.TempDir()
	path, secret := filepath.Join(folder, "validator.key"), filepath.Join(folder, "passphrase")
	out := good(t, "keys", "generate", "--out", path)
	if shown := good(t, "keys", "inspect", path); !strings.HasSuffix(out, shown) || !strings.HasPrefix(out, "wrote ") {
		t.Errorf("generated %s, inspected %s", out, shown)
	}
	if strings.Contains(good(t, "keys", "inspect", path), "seed") || !strings.Contains(good(t, "keys", "inspect", "--secret", path), "seed") {
		t.Error("the seed is shown where it must not, or is not where it should")
	}
	if _, _, err := run("keys", "generate", "--out", path); err == nil {
		t.Error("a key file is overwritten")
	}
	if err := os.WriteFile(secret, []byte("damson tree\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	encrypted := filepath.Join(folder, "encrypted.key")
	good(t, "keys", "generate", "--json", "--out", encrypted, "--passphrase-file", secret)
	good(t, "keys", "inspect", encrypted, "--passphrase-file", secret)
	if v, err := keys.Load(encrypted, keys.Options{Passphrase: func() (string, error) { return "damson tree", nil }}); err != nil || v == nil {
		t.Errorf("load: %v", err)
	}
	if _, _, err := run("keys", "inspect", encrypted); !errors.Is(err, keys.ErrPassphrase) {
		t.Errorf("without the passphrase: %v", err)
	}
}
