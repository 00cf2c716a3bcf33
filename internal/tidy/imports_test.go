package tidy

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rows of the picture in docs/ARCHITECTURE.md, from below. A row may use all that is below it.
var (
	ground = []string{"internal/protocol", "internal/impl", "internal/invariants"}
	bytes  = append([]string{"crypto"}, ground...)
	forms  = append([]string{"internal/codec", "internal/merkle", "internal/erasure", "internal/shuffle"}, bytes...)
	things = append([]string{"internal/bundle", "internal/block"}, forms...)
	runs   = append([]string{"internal/pvm"}, forms...)
	states = append([]string{"state", "internal/bundle", "internal/block", "internal/pvm"}, forms...)
	nodes  = append([]string{"node", "net", "internal/archive", "internal/devchain", "internal/services"}, states...)
)

// mayImport lists, for every folder that holds packages, what they may import of ours besides each other.
var mayImport = map[string][]string{
	"internal/protocol":   nil,
	"internal/impl":       nil,
	"internal/invariants": nil,
	"internal/archive":    nil,
	"crypto":              {"internal/impl"},
	"internal/codec":      bytes,
	"internal/merkle":     append([]string{"internal/codec"}, bytes...),
	"internal/erasure":    append([]string{"internal/codec"}, bytes...),
	"internal/shuffle":    append([]string{"internal/codec"}, bytes...),
	"internal/block":      forms,
	"internal/bundle":     append([]string{"internal/block"}, forms...),
	"internal/pvm":        forms,
	"interp":              runs,
	"jit":                 runs,
	"internal/engine":     append([]string{"jit", "interp"}, runs...),
	"state":               append([]string{"internal/pvm"}, things...),
	"net":                 things,
	"internal/asm":        runs,
	"internal/services":   append([]string{"internal/asm"}, append(runs, "internal/block")...),
	"internal/workbench":  append([]string{"internal/asm"}, runs...),
	"internal/devchain":   append([]string{"internal/asm", "internal/services"}, states...),
	"node":                nodes,
	"cmd":                 {"*"},
	"bench":               {"*"},

	// The test kit and tools, which no product code imports.
	"internal/vectors": {"internal/archive", "internal/protocol"},
	"internal/golden":  nil,
	"internal/nodiff":  append([]string{"jit", "interp", "internal/engine", "internal/asm", "internal/services"}, states...),
	"internal/tidy":    nil,
	"internal/docrun":  nil,
	"internal/graphs":  nil,
	"internal/notices": nil,
	"internal/accept":  {"internal/archive", "internal/vectors", "internal/docrun"},
}

// testKit is what only tests and tools import.
var testKit = []string{
	"internal/vectors", "internal/golden", "internal/nodiff", "internal/tidy", "internal/accept", "internal/docrun", "internal/graphs", "internal/notices",
}

// parts of Υ see state and its helpers; only state/transition sees the parts.
var parts = []string{
	"state/safrole", "state/disputes", "state/assurances", "state/reports", "state/accumulate", "state/preimages",
	"state/history", "state/authorization", "state/statistics",
}

// outside are packages of the standard library that read the clock, log, or do I/O.
var outside = []string{"log", "log/slog", "net", "net/http", "os", "os/exec", "time", "syscall", "C"}

func under(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

func underAny(dir string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return under(dir, folder) })
}

// folderOf gives the entry of mayImport that dir belongs to.
func folderOf(dir string) (string, bool) {
	for folder := dir; folder != "."; folder = path.Dir(folder) {
		if _, ok := mayImport[folder]; ok {
			return folder, true
		}
	}
	return "", false
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.tool() {
			continue
		}
		folder, ok := folderOf(s.dir())
		if !ok {
			t.Errorf("%s: folder %s has no place in the picture (mayImport)", s.name, s.dir())
			continue
		}
		for _, spec := range s.syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := refused(folder, s.dir(), name); why != "" {
				t.Errorf("%s imports %s: %s", s.name, name, why)
			}
		}
	}
}

// refused says why a file in dir must not import name; it is empty where it may.
func refused(folder, dir, name string) string {
	ours, isOurs := strings.CutPrefix(name, "damson/")
	switch {
	case !isOurs:
		return refusedOutside(dir, name)
	case slices.Contains(testKit, ours) && !slices.Contains(testKit, folder) && folder != "bench":
		return "the test kit is for tests"
	case under(ours, folder):
	case slices.Contains(mayImport[folder], "*"):
	case !underAny(ours, mayImport[folder]):
		return "not below " + folder + " in the picture"
	}
	if under(dir, "state") && !under(dir, "state/transition") {
		switch {
		case under(ours, "state/transition"):
			return "transition stands above"
		case underAny(ours, parts) && !slices.ContainsFunc(parts, func(p string) bool { return under(dir, p) && under(ours, p) }):
			return "only state/transition imports parts"
		}
	}
	return ""
}

func refusedOutside(dir, name string) string {
	switch {
	case name == "C":
		return "pure Go"
	case under(dir, "state/store"), under(dir, "jit/exec"):
		return "" // the disk; pages of memory
	case underAny(dir, []string{"state", "interp", "jit", "internal/pvm", "internal/block", "internal/bundle", "internal/codec", "crypto"}) &&
		slices.Contains(outside, name):
		return dir + " neither logs, nor reads the clock, nor does I/O"
	}
	return ""
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		dir, name string
		ok        bool
	}{
		{"state/safrole", "damson/state", true},
		{"state/safrole", "damson/state/disputes", false},
		{"state/safrole", "damson/state/service", true},
		{"state/transition", "damson/state/safrole", true},
		{"state", "damson/state/safrole", false},
		{"state", "damson/interp", false},
		{"state", "damson/internal/pvm", true},
		{"state/accumulate", "time", false},
		{"state/store", "os", true},
		{"jit", "damson/interp", false},
		{"jit/exec", "syscall", true},
		{"internal/engine", "damson/jit/exec", true},
		{"crypto/bandersnatch", "damson/internal/protocol", false},
		{"crypto/bandersnatch", "damson/crypto/blake2b", true},
		{"internal/block", "damson/internal/pvm", false},
		{"node/importer", "damson/internal/engine", false},
		{"node/importer", "damson/internal/vectors", false},
		{"cmd/damson", "damson/node/importer", true},
		{"net/quic", "damson/state", false},
		{"interp", "C", false},
	} {
		folder, ok := folderOf(tc.dir)
		if !ok {
			t.Fatalf("%s has no folder", tc.dir)
		}
		if why := refused(folder, tc.dir, tc.name); (why == "") != tc.ok {
			t.Errorf("%s imports %s: %q", tc.dir, tc.name, why)
		}
	}
}
