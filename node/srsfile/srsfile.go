// Package srsfile finds the reference string that ring proofs are made with, and makes the setup of a chain from it.
package srsfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
)

const (
	// Name is what the file of the Zcash ceremony is called.
	Name = "zcash-srs-2-11-uncompressed.bin"
	// Env is the environment variable that may hold its path, or that of its folder.
	Env = "DAMSON_SRS"
	// DevInsecure is what a chain spec says that rests on the development reference string.
	DevInsecure = "dev-insecure"
)

var (
	// ErrNone means that no file is at hand. A node without one verifies all the same; it makes no tickets.
	ErrNone = errors.New("srsfile: no SRS file at hand: name one with --srs or $" + Env)
	// ErrKind means that a chain rests on something that this node does not know.
	ErrKind = errors.New("srsfile: unknown kind of SRS")
)

// Warning is what a node says on every start on the development reference string.
const Warning = "this chain rests on the insecure development SRS (srs: dev-insecure): anybody can forge its tickets; " +
	"use it for development only"

// Options says where to look. The zero value is fit for production.
type Options struct {
	Path string // the file or its folder, from --srs; then nowhere else is looked

	places []string // for tests: instead of the usual places
}

// Find gives the path of the file: that which is named, by option or variable, or the first that there is of the usual
// places. ErrNone means that there is none.
func Find(o Options) (string, error) {
	if o.Path != "" {
		return inFolder(o.Path), nil
	}
	if path := os.Getenv(Env); path != "" {
		return inFolder(path), nil
	}
	places := o.places
	if places == nil {
		places = usualPlaces()
	}
	for _, folder := range places {
		path := filepath.Join(folder, Name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("srsfile: %w", err)
		}
	}
	return "", ErrNone
}

// usualPlaces are the folder of the user's data, and that of the conformance vectors beside the checkout.
func usualPlaces() []string {
	var places []string
	if folder := DataFolder(); folder != "" {
		places = append(places, folder)
	}
	return append(places, filepath.Join("..", "shared", "vectors", "bandersnatch", "srs"))
}

// DataFolder is where a user's programs keep their data; empty if the user has no home.
func DataFolder() string {
	if folder := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "damson")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "damson")
}

func inFolder(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, Name)
	}
	return path
}

// Load reads the file that Find gives. A file that is there and is not the right one is an error, not ErrNone.
func Load(o Options) (*srs.SRS, error) {
	path, err := Find(o)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("srsfile: %w", err)
	}
	defer file.Close()
	reference, err := srs.Read(file)
	if err != nil {
		return nil, fmt.Errorf("srsfile: %s: %w", path, err)
	}
	return reference, nil
}

// Setup makes the setup of a chain whose spec says that it rests on a kind of SRS: none or "zcash" for that of the ceremony,
// or DevInsecure. With [ErrNone] it gives a setup all the same, that verifies and cannot prove.
func Setup(kind string, o Options) (*bandersnatch.Setup, error) {
	switch kind {
	case DevInsecure:
		return bandersnatch.NewSetup(srs.Development()), nil
	case "", "zcash":
	default:
		return nil, fmt.Errorf("%w: %q", ErrKind, kind)
	}
	reference, err := Load(o)
	if errors.Is(err, ErrNone) {
		return bandersnatch.Zcash(), err
	}
	if err != nil {
		return nil, err
	}
	return bandersnatch.NewSetup(reference), nil
}
