package vectors

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/protocol"
)

func TestEachCountsOfficialSuites(t *testing.T) {
	t.Setenv(OpenedEnv, "") // what the kit reads, no test has checked
	root := Root(t)
	for _, tc := range []struct {
		suite, ext string
		tiny, full int
	}{
		{"codec", ".bin", 15, 15},
		{"codec/full", ".json", 0, 15},
		{"erasure", ".bin", 6, 6},
		{"stf/safrole", ".bin", 21, 21},
		{"stf/history", ".bin", 4, 4},
		{"traces/fallback", ".bin", 101, 0},
	} {
		t.Run(tc.suite, func(t *testing.T) {
			tiny, full := 0, 0
			for v := range Files(t, tc.suite, tc.ext) {
				if len(v.Data) == 0 || !strings.HasPrefix(v.Path, root) || !strings.HasSuffix(v.Name, tc.ext) {
					t.Errorf("%+q: %d octets", v.Path, len(v.Data))
				}
				switch v.Chain {
				case "tiny":
					tiny++
				case "full":
					full++
				}
			}
			if tiny != tc.tiny || full != tc.full {
				t.Errorf("%d tiny, %d full; want %d, %d", tiny, full, tc.tiny, tc.full)
			}
		})
	}
	if n := len(Suites(t, "fuzz-traces")); n != 52 {
		t.Errorf("%d fuzz traces, want 52", n)
	}
}

// tree makes a folder of vectors and points the kit to it.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range files {
		at := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(`[{"a":1},{"a":2}]`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(Env, root)
	return root
}

func TestEach(t *testing.T) {
	tree(t, "s/tiny/b.bin", "s/tiny/a.bin", "s/full/a.bin", "s/full/a.json", "s/s.asn")
	log := t.TempDir()
	t.Setenv(OpenedEnv, log)

	var names []string
	Each(t, "s", ".bin", func(t *testing.T, v *File) { names = append(names, v.Chain+" "+v.Name) })
	Equal(t, "names", names, []string{"full full/a.bin", "tiny tiny/a.bin", "tiny tiny/b.bin"})

	list, err := os.ReadFile(filepath.Join(log, fmt.Sprint(os.Getpid())))
	if err != nil {
		t.Fatal(err)
	}
	Equal(t, "opened", strings.Fields(string(list)), []string{"s/full/a.bin", "s/tiny/a.bin", "s/tiny/b.bin"})
}

func TestCases(t *testing.T) {
	tree(t, "s/all.json")
	sum := 0
	Cases(t, "s/all.json", func(t *testing.T, c *struct{ A int }) { sum += c.A })
	if sum != 3 {
		t.Fatalf("sum %d, want 3", sum)
	}
}

// fatal stands in for a test that the kit ends.
type fatal struct {
	testing.TB
	message string
	skipped bool
}

func (f *fatal) Helper()                   {}
func (f *fatal) Fatal(args ...any)         { f.message = fmt.Sprint(args...); panic(f) }
func (f *fatal) Fatalf(s string, a ...any) { f.message = fmt.Sprintf(s, a...); panic(f) }
func (f *fatal) Skip(args ...any)          { f.message, f.skipped = fmt.Sprint(args...), true; panic(f) }

func ended(t *testing.T, use func(tb testing.TB)) *fatal {
	t.Helper()
	f := &fatal{TB: t}
	func() {
		defer func() { _ = recover() }()
		use(f)
	}()
	if f.message == "" {
		t.Fatal("the test went on")
	}
	return f
}

func TestMissingAndEmpty(t *testing.T) {
	root := tree(t, "s/readme.md")
	drain := func(suite string) func(testing.TB) {
		return func(tb testing.TB) {
			for range Files(tb, suite, ".bin") {
				t.Error("a vector out of nothing")
			}
		}
	}
	if f := ended(t, drain("s")); !strings.Contains(f.message, "no .bin file") || f.skipped {
		t.Errorf("empty suite: %q", f.message)
	}
	if f := ended(t, drain("gone")); f.skipped {
		t.Errorf("missing suite is skipped: %q", f.message)
	}
	t.Setenv(Env, filepath.Join(root, "nowhere"))
	t.Setenv("CI", "")
	if f := ended(t, drain("s")); !f.skipped || strings.Contains(f.message, "\n") {
		t.Errorf("no vectors: %q, skipped %v", f.message, f.skipped)
	}
	t.Setenv("CI", "true")
	if f := ended(t, drain("s")); f.skipped {
		t.Error("no vectors with CI=true: skipped")
	}
}

func TestCode(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{fmt.Errorf("ticket 3: %w", protocol.Invalid("safrole/bad_slot")), "bad_slot"},
		{errors.New("bad_slot"), "not a rule: bad_slot"},
	} {
		if got := Code(tc.err); got != tc.want {
			t.Errorf("Code(%v) = %q, want %q", tc.err, got, tc.want)
		}
	}
}
