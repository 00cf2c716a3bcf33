package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

type member struct {
	name string
	data []byte
}

func pack(tb testing.TB, members []member) []byte {
	tb.Helper()
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed)
	if err != nil {
		tb.Fatal(err)
	}
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
		tb.Fatal(err)
	}
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.data)), Mode: 0o644}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(m.data); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return packed.Bytes()
}

func sample() []member {
	random := rand.NewChaCha8([32]byte{1})
	var members []member
	for i, size := range []int{0, 1, 511, 512, 513, firstChunk + 1, 5*firstChunk + 3} {
		data := make([]byte, size)
		random.Read(data)
		members = append(members, member{fmt.Sprintf("dir/%08d.bin", i), data})
	}
	return members
}

func read(packed []byte) ([]member, error) {
	var got []member
	err := ReadFrom("x.tar.zst", bytes.NewReader(packed), func(name string, data []byte) error {
		got = append(got, member{name, data})
		return nil
	})
	return got, err
}

func TestRead(t *testing.T) {
	want := sample()
	path := filepath.Join(t.TempDir(), "x.tar.zst")
	if err := os.WriteFile(path, pack(t, want), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []member
	err := Read(path, func(name string, data []byte) error {
		got = append(got, member{name, data})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d members, want %d", len(got), len(want))
	}
	for i, w := range want { // compared at the end: a callee may keep what it was given
		if got[i].name != w.name || !bytes.Equal(got[i].data, w.data) {
			t.Errorf("member %d: %q with %d octets, want %q with %d", i, got[i].name, len(got[i].data), w.name, len(w.data))
		}
	}
}

func TestReadStopsWithCallee(t *testing.T) {
	stop := errors.New("enough")
	err := ReadFrom("x", bytes.NewReader(pack(t, sample())), func(string, []byte) error { return stop })
	if err != stop { //nolint:errorlint // the very error is promised, unwrapped
		t.Fatalf("error %v, want the callee's own", err)
	}
}

// Every way of cutting an archive short is an error that names the file.
func TestReadTruncated(t *testing.T) {
	packed := pack(t, sample()[:5])
	for n := range len(packed) {
		_, err := read(packed[:n])
		if err == nil {
			t.Fatalf("%d of %d octets: no error", n, len(packed))
		}
		if e, ok := errors.AsType[*Error](err); !ok || e.Path != "x.tar.zst" || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%d octets: error %q does not name the file in one line", n, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	huge := func() []byte {
		var packed bytes.Buffer
		z, err := zstd.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		w := tar.NewWriter(z)
		if err := w.WriteHeader(&tar.Header{Name: "huge", Size: MaxMember + 1}); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return packed.Bytes()
	}()
	for _, tc := range []struct {
		name   string
		packed []byte
		want   error
	}{
		{"nothing in it", pack(t, nil), ErrEmpty},
		{"empty file", nil, ErrEmpty},
		{"oversized member", huge, ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := read(tc.packed); !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(pack(f, sample()[:3]))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packed []byte) {
		got, err := read(packed)
		if err == nil && len(got) == 0 {
			t.Fatal("no error and no member")
		}
	})
}
