package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"damson/internal/protocol"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func openNotes(t *testing.T, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open("notes", Options{Params: protocol.Tiny(), FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) noted(t *testing.T, prefix string) string {
	t.Helper()
	var all []string
	err := s.Notes(prefix, func(name string, value []byte) bool {
		all = append(all, name+"="+string(value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestNotes(t *testing.T) {
	s := openNotes(t, vfs.NewMem())
	for _, note := range []string{"b/2=two", "a=one", "b/1=one", "b/2=zwei", "b\xff=end", "c="} {
		name, value, _ := strings.Cut(note, "=")
		if err := s.SetNote(name, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"a": "one", "b/2": "zwei", "c": ""} {
		if value, ok, err := s.Note(name); err != nil || !ok || string(value) != want {
			t.Errorf("note %s: %q, %v, %v; want %q", name, value, ok, err, want)
		}
	}
	if _, ok, err := s.Note("b"); ok || err != nil {
		t.Errorf("a note that nobody set: %v, %v", ok, err)
	}
	if got := s.noted(t, "b/"); got != "b/1=one b/2=zwei" {
		t.Errorf("notes b/: %s", got)
	}
	if err := s.DeleteNotes("b\xff"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteNotes("b/"); err != nil {
		t.Fatal(err)
	}
	if got := s.noted(t, ""); got != "a=one c=" {
		t.Errorf("what is left: %s", got)
	}
	for _, name := range []string{"", strings.Repeat("x", maxNoteKey+1)} {
		if err := s.SetNote(name, nil); !errors.Is(err, ErrNote) {
			t.Errorf("a name of %d octets: %v", len(name), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.SetNote("a", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, _, err := s.Note("a"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestNotesCrash takes the power away after each note: what SetNote and DeleteNotes said is there.
func TestNotesCrash(t *testing.T) {
	disk := vfs.NewCrashableMem()
	for n := range 20 {
		s := openNotes(t, disk)
		if want := fmt.Sprintf("%d", n-1); n > 0 && n%5 != 1 {
			if value, ok, err := s.Note("last"); err != nil || !ok || string(value) != want {
				t.Fatalf("after crash %d: %q, %v, %v", n, value, ok, err)
			}
		}
		if err := s.SetNote("last", fmt.Append(nil, n)); err != nil {
			t.Fatal(err)
		}
		if n%5 == 0 {
			if err := s.DeleteNotes("last"); err != nil {
				t.Fatal(err)
			}
		}
		after := disk.CrashClone(vfs.CrashCloneCfg{})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		disk = after
		if n%5 == 0 {
			s = openNotes(t, disk.CrashClone(vfs.CrashCloneCfg{}))
			if got := s.noted(t, ""); got != "" {
				t.Fatalf("deleted notes are back: %s", got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestNotesBeside sets notes by many goroutines while blocks are committed and finalized.
func TestNotesBeside(t *testing.T) {
	s, m := openNotes(t, vfs.NewMem()), model{seed: 3, keys: 50}
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 50 {
				if err := s.SetNote(fmt.Sprintf("%d/%02d", g, i), []byte{byte(i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	b := m.block(0, 0, 0, nil)
	for n := 1; n <= 100; n++ {
		prior, err := s.Commit(b)
		if err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			if err := s.Finalize(b.Hash); err != nil {
				t.Fatal(err)
			}
		}
		b = m.block(n, 0, 0, prior)
	}
	group.Wait()
	count := 0
	if err := s.Notes("", func(string, []byte) bool { count++; return true }); err != nil || count != 200 {
		t.Errorf("%d notes, %v", count, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
