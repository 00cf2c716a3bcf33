package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/archive"
)

// File is one vector.
type File struct {
	Suite string // "stf/safrole"
	Chain string // "tiny" or "full"; "tiny" for traces, empty where a suite has no chain
	Name  string // within the suite, with slashes: "tiny/publish-tickets-1.bin", "fallback/00000001.bin"
	Path  string // for messages: the file, or the archive and the member
	Data  []byte // the test's to keep
}

// Each runs check as a subtest for every file of the suite that ends in ext, and prints their count. It fails
// where there is none, and where a subtest is skipped: no vector ever is.
func Each(t *testing.T, suite, ext string, check func(t *testing.T, v *File)) {
	t.Helper()
	tally := newTally(t, suite)
	for v := range Files(t, suite, ext) {
		tally.run(t, v.Chain, v.Name, func(t *testing.T) { check(t, v) })
	}
}

// Files streams the files of the suite that end in ext, in lexical order, archives unpacked. A suite without
// files, or a file that cannot be read, ends the test.
func Files(tb testing.TB, suite, ext string) iter.Seq[*File] {
	tb.Helper()
	root := Root(tb)
	from, err := sources(root, suite, ext)
	if err != nil {
		tb.Fatalf("suite %s: %v", suite, err)
	}
	return func(yield func(*File) bool) {
		tb.Helper()
		count := 0
		for _, s := range from {
			err := s.each(func(name, at string, data []byte) error {
				if !strings.HasSuffix(name, ext) {
					return nil
				}
				count++
				if !yield(&File{Suite: suite, Chain: chain(suite, name), Name: name, Path: at, Data: data}) {
					return errStop
				}
				return nil
			})
			if errors.Is(err, errStop) {
				return
			}
			if err != nil {
				tb.Fatalf("suite %s: %v", suite, err)
			}
			opened(tb, root, s.path)
		}
		if count == 0 {
			tb.Fatalf("suite %s: no %s file in %s", suite, ext, filepath.Join(root, suite))
		}
	}
}

// Cases runs check as a subtest for every element of a JSON array, and prints their count.
func Cases[T any](t *testing.T, file string, check func(t *testing.T, c *T)) {
	t.Helper()
	cases := *JSON[[]T](t, file)
	if len(cases) == 0 {
		t.Fatalf("%s: no cases", file)
	}
	tally := newTally(t, strings.TrimSuffix(file, path.Ext(file)))
	for i := range cases {
		tally.run(t, "", fmt.Sprint(i), func(t *testing.T) { check(t, &cases[i]) })
	}
}

// JSON decodes a file below [Root], named with slashes. A field that T lacks ends the test: whoever
// leaves one out on purpose lists it as json.RawMessage.
func JSON[T any](tb testing.TB, file string) *T {
	tb.Helper()
	v := new(T)
	decode(tb, file, Read(tb, file), v)
	return v
}

// JSON decodes the vector into to, as strictly as the function [JSON].
func (f *File) JSON(tb testing.TB, to any) {
	tb.Helper()
	decode(tb, f.Path, f.Data, to)
}

// Read returns a file below [Root], named with slashes.
func Read(tb testing.TB, file string) []byte {
	tb.Helper()
	root := Root(tb)
	at := filepath.Join(root, filepath.FromSlash(file))
	data, err := os.ReadFile(at)
	if err != nil {
		tb.Fatal(err)
	}
	opened(tb, root, at)
	return data
}

func decode(tb testing.TB, name string, data []byte, to any) {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}

var errStop = errors.New("the test has what it wants")

// each hands over the files that s stands for. A folder's archive is named like a folder of its own by
// what it holds ("full/…", "<trace>/…"), so a member's name replaces the archive's.
func (s source) each(yield func(name, at string, data []byte) error) error {
	if s.packed() {
		return archive.Read(s.path, func(name string, data []byte) error {
			return yield(name, s.path+": "+name, data)
		})
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	return yield(s.rel, s.path, data)
}

func chain(suite, name string) string {
	if first, _, _ := strings.Cut(name, "/"); first == "tiny" || first == "full" {
		return first
	}
	for _, tiny := range []string{"traces", "fuzz-traces", "fuzz-proto", "chainspecs"} {
		if first, _, _ := strings.Cut(suite, "/"); first == tiny {
			return "tiny"
		}
	}
	if last := path.Base(suite); last == "tiny" || last == "full" {
		return last
	}
	return ""
}
