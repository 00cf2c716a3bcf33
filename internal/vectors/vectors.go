// Package vectors finds the official conformance vectors and feeds them to tests.
//
// They are public data that this repository does not carry. [Root] says where they are looked for, and a
// test that misses them is skipped with one line that says where to get them; with CI=true it fails.
// [Each] and [Cases] run a subtest for every vector of a suite and print how many there were; [Files]
// streams a suite for tests that need its order. An archive (.tar.zst) is read as the folder that it packs.
//
//	func TestVectors(t *testing.T) {
//		vectors.Each(t, "stf/safrole", ".bin", func(t *testing.T, v *vectors.File) {
//			p := protocol.Tiny()
//			if v.Chain == "full" { … }
//			… decode v.Data, compare with vectors.Equal
//		})
//	}
package vectors

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"damson/internal/archive"
)

// Env names the variable that points to the folder of the vectors.
const Env = "DAMSON_VECTORS"

const missing = "official vectors not found: set " + Env + " or put them in ../shared/vectors beside the module " +
	"(public repositories: davxy/jam-test-vectors, davxy/jam-conformance, davxy/bandersnatch-vrfs-spec, w3f/jamtestvectors)"

// Find returns the folder of the vectors: $DAMSON_VECTORS, or ../shared/vectors beside the module that
// the working directory is in. It reports false where there is none.
func Find() (string, bool) {
	if dir := os.Getenv(Env); dir != "" {
		return dir, isDir(dir)
	}
	module, ok := moduleRoot()
	if !ok {
		return "", false
	}
	dir := filepath.Join(filepath.Dir(module), "shared", "vectors")
	return dir, isDir(dir)
}

// Root returns the folder of the vectors, or ends the test where there is none: as skipped, or as failed
// with CI=true.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, ok := Find()
	switch {
	case ok:
		return dir
	case os.Getenv("CI") == "true":
		tb.Fatal(missing)
	default:
		tb.Skip(missing)
	}
	return ""
}

// Thorough reports whether tests whose size can be chosen should run at the size of the acceptance points
// rather than in seconds. `make accept` asks for it.
func Thorough() bool { return os.Getenv("DAMSON_THOROUGH") != "" }

// Seed returns the seed of what a test chooses at random: $DAMSON_SEED, or 1. A test that fails prints it.
func Seed(tb testing.TB) uint64 {
	tb.Helper()
	text := os.Getenv("DAMSON_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		tb.Fatalf("DAMSON_SEED: %v", err)
	}
	return seed
}

func moduleRoot() (string, bool) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return "", false
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Suites lists the suites right below one, as names for [Files] and [Each]: "traces/fallback" … for "traces",
// a name for each trace for "fuzz-traces".
func Suites(tb testing.TB, suite string) []string {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Join(Root(tb), filepath.FromSlash(suite)))
	if err != nil {
		tb.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if stem, packed := strings.CutSuffix(entry.Name(), archive.Ext); packed || entry.IsDir() {
			found = append(found, path.Join(suite, stem))
		}
	}
	if len(found) == 0 {
		tb.Fatalf("suite %s: nothing in it", suite)
	}
	return found
}

// source is what stands on disk for a suite: plain files, and archives of files.
type source struct {
	path string // on disk
	rel  string // below the suite's folder, with slashes
}

func (s source) packed() bool { return archive.Is(s.path) }

// sources lists the files with the ending ext and all archives of a suite, in lexical order. A suite is a
// folder below root, or the stem of an archive there: "traces/safrole" is traces/safrole.tar.zst.
func sources(root, suite, ext string) ([]source, error) {
	dir := filepath.Join(root, filepath.FromSlash(suite))
	if packed := dir + archive.Ext; !isDir(dir) {
		if _, err := os.Stat(packed); err != nil {
			return nil, err
		}
		return []source{{packed, filepath.Base(packed)}}, nil
	}
	var found []source
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || !archive.Is(path) && !strings.HasSuffix(path, ext) {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		found = append(found, source{path, filepath.ToSlash(rel)})
		return nil
	})
	return found, err
}
