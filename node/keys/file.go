package keys

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"damson/internal/protocol"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Why a key file is refused.
var (
	ErrFile       = errors.New("keys: not a key file")
	ErrMismatch   = errors.New("keys: the public keys in the file are not those of its seed")
	ErrReadable   = errors.New("keys: others than the owner can read the key file; chmod 600 it")
	ErrPassphrase = errors.New("keys: the key file is encrypted and the passphrase is missing or wrong")
)

// fileFormat is the first thing in a file, so that another format can follow.
const fileFormat = "damson validator seed 1"

// maxFile bounds what is read: a file has some hundred octets, encrypted a thousand.
const maxFile = 64 << 10

// record is the contents of a file, in JSON. The public keys are there for people, and to notice a seed that was damaged.
type record struct {
	Format       string `json:"format"`
	Name         string `json:"peer_name"`
	Ed25519      string `json:"ed25519"`
	Bandersnatch string `json:"bandersnatch"`
	Seed         string `json:"seed"`
}

// Options configures how files are read and written. The zero value is fit for production.
type Options struct {
	// Passphrase asks for the passphrase. Save encrypts if it is set; Load calls it only for a file that is encrypted.
	Passphrase func() (string, error)

	workFactor int // of scrypt, as a power of two; 0 means what age thinks fit
}

// Save writes the seed to a new file that only its owner can read. It never overwrites one.
func Save(path string, v *Validator, o Options) (err error) {
	contents, err := encode(v, o)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	_, err = file.Write(contents)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("keys: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func encode(v *Validator, o Options) ([]byte, error) {
	bander := v.Bandersnatch.Public().Bytes()
	ed := v.Ed25519.Public()
	contents, err := json.MarshalIndent(record{
		fileFormat, v.PeerName(), hex.EncodeToString(ed[:]), hex.EncodeToString(bander[:]), hex.EncodeToString(v.Seed[:]),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	contents = append(contents, '\n')
	if o.Passphrase == nil {
		return contents, nil
	}
	passphrase, err := o.Passphrase()
	if err != nil {
		return nil, err
	}
	return encrypt(contents, passphrase, o.workFactor)
}

func encrypt(contents []byte, passphrase string, workFactor int) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if workFactor > 0 {
		recipient.SetWorkFactor(workFactor)
	}
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	_, err = w.Write(contents)
	for _, c := range []io.Closer{w, armored} {
		if closeErr := c.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return out.Bytes(), nil
}

// Load reads a file that Save wrote. It refuses one that others can read.
func Load(path string, o Options) (*Validator, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrReadable)
	}
	contents, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	v, err := decode(contents, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

func decode(contents []byte, o Options) (*Validator, error) {
	if len(contents) > maxFile {
		return nil, ErrFile
	}
	if bytes.HasPrefix(contents, []byte(armor.Header)) {
		var err error
		if contents, err = decrypt(contents, o); err != nil {
			return nil, err
		}
	}
	var r record
	if err := json.Unmarshal(contents, &r); err != nil || r.Format != fileFormat {
		return nil, ErrFile
	}
	seed, err := ParseSeed(r.Seed)
	if err != nil {
		return nil, err
	}
	v := seed.Derive()
	bander := v.Bandersnatch.Public().Bytes()
	ed := v.Ed25519.Public()
	if r.Ed25519 != hex.EncodeToString(ed[:]) || r.Bandersnatch != hex.EncodeToString(bander[:]) || r.Name != v.PeerName() {
		return nil, ErrMismatch
	}
	return v, nil
}

func decrypt(contents []byte, o Options) ([]byte, error) {
	if o.Passphrase == nil {
		return nil, ErrPassphrase
	}
	passphrase, err := o.Passphrase()
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(contents)), identity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return plain, nil
}

// ParseSeed reads a seed in hexadecimal, with or without 0x.
func ParseSeed(text string) (s Seed, err error) {
	octets, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(octets) != SeedSize {
		return s, fmt.Errorf("%w: a seed is %d octets in hexadecimal", ErrFile, SeedSize)
	}
	return Seed(octets), nil
}

// Suffix is how the names of key files end.
const Suffix = ".key"

// LoadFolder reads all key files of a folder, in the order of their names.
func LoadFolder(folder string, o Options) ([]*Validator, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var all []*Validator
	seen := make(map[protocol.Ed25519Key]string)
	for _, entry := range entries {
		if entry.IsDir() || filepath.Ext(entry.Name()) != Suffix {
			continue
		}
		v, err := Load(filepath.Join(folder, entry.Name()), o)
		if err != nil {
			return nil, err
		}
		key := protocol.Ed25519Key(v.Ed25519.Public())
		if other, twice := seen[key]; twice {
			return nil, fmt.Errorf("keys: %s and %s hold the same seed: %w", other, entry.Name(), fs.ErrExist)
		}
		seen[key] = entry.Name()
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("keys: no *%s in %s: %w", Suffix, folder, fs.ErrNotExist)
	}
	return all, nil
}
