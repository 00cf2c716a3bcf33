package srsfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"damson/crypto/bandersnatch/srs"
	"damson/internal/vectors"
)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The option goes before the variable, the variable before the places, and the places in their order.
func TestFind(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	o := Options{places: []string{filepath.Join(first, "missing"), first, second}}
	t.Setenv(Env, "")
	if _, err := Find(o); !errors.Is(err, ErrNone) {
		t.Errorf("no file: %v", err)
	}
	expect := func(want string) {
		t.Helper()
		if got, err := Find(o); err != nil || got != want {
			t.Errorf("found %q, %v, want %q", got, err, want)
		}
	}
	write(t, filepath.Join(second, Name), nil)
	expect(filepath.Join(second, Name))
	write(t, filepath.Join(first, Name), nil)
	expect(filepath.Join(first, Name))
	t.Setenv(Env, second)
	expect(filepath.Join(second, Name))
	t.Setenv(Env, "named")
	expect("named")
	o.Path = first
	expect(filepath.Join(first, Name))
}

func TestUsualPlaces(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	places := usualPlaces()
	if len(places) != 2 || places[0] != filepath.Join(os.Getenv("XDG_DATA_HOME"), "damson") {
		t.Errorf("places %q", places)
	}
	t.Setenv("XDG_DATA_HOME", "")
	home := t.TempDir()
	t.Setenv("HOME", home)
	if got, want := DataFolder(), filepath.Join(home, ".local", "share", "damson"); got != want {
		t.Errorf("data in %q, want %q", got, want)
	}
}

func TestSetup(t *testing.T) {
	t.Setenv(Env, "")
	nowhere := Options{places: []string{t.TempDir()}}
	setup, err := Setup("", nowhere)
	if !errors.Is(err, ErrNone) || setup == nil || setup.CanProve() || setup.Insecure() {
		t.Errorf("without a file: %v", err)
	}
	setup, err = Setup(DevInsecure, nowhere)
	if err != nil || !setup.CanProve() || !setup.Insecure() {
		t.Errorf("development: %v", err)
	}
	if _, err := Setup("another", nowhere); !errors.Is(err, ErrKind) {
		t.Errorf("another kind: %v", err)
	}
	// What is named or there must be right.
	if _, err := Setup("zcash", Options{Path: filepath.Join(t.TempDir(), "missing")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, Name), []byte("something else"))
	if _, err := Setup("", Options{places: []string{folder}}); !errors.Is(err, srs.ErrFile) {
		t.Errorf("a wrong file: %v", err)
	}
}

func TestSetupWithFile(t *testing.T) {
	path := filepath.Join(vectors.Root(t), "bandersnatch", "srs")
	setup, err := Setup("", Options{Path: path})
	if err != nil || !setup.CanProve() || setup.Insecure() {
		t.Errorf("with the file: %v", err)
	}
}
