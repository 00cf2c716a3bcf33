package suites

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/vectors"
	"damson/interp"
)

// TestSuites runs everything that is not run by the tests of every part in seconds, and all of it where asked to.
func TestSuites(t *testing.T) {
	root := vectors.Root(t)
	r, err := New(Options{Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{root}
	if !vectors.Thorough() {
		paths = nil
		for _, below := range []string{
			"codec", "erasure/tiny", "shuffle", "trie", "pvm", "ed25519", "bandersnatch", "fuzz-proto",
			"stf/accumulate/tiny", "stf/assurances", "stf/authorizations", "stf/disputes/tiny", "stf/history",
			"stf/preimages", "stf/reports", "stf/safrole/tiny", "stf/statistics", "traces/preimages-001-050.tar.zst",
			"fuzz-traces/1766241968",
		} {
			paths = append(paths, filepath.Join(root, filepath.FromSlash(below)))
		}
	}
	for _, path := range paths {
		if err := r.Path(path); err != nil {
			t.Fatal(err)
		}
	}
	suites := map[string]bool{}
	for _, result := range r.Results() {
		suites[strings.Split(result.Suite, "/")[0]] = true
		for _, failure := range result.Failures {
			t.Errorf("%s: %s", failure.Path, failure.Reason)
		}
		if result.Passed == 0 {
			t.Errorf("%s: nothing passed", result.Suite)
		}
	}
	for _, name := range strings.Fields("bandersnatch codec ed25519 erasure fuzz-proto fuzz-traces pvm shuffle stf traces trie") {
		if !suites[name] {
			t.Errorf("suite %s was not found", name)
		}
	}
}

// TestSpoiled changes an octet of what vectors expect: each suite must see it.
func TestSpoiled(t *testing.T) {
	root := vectors.Root(t)
	for _, tc := range []struct{ file, old, spoiled string }{
		{"shuffle/shuffle_tests.json", `"output": [
            1,`, `"output": [
            7,`},
		{"trie/derived-0.7.2-trie.json", `"output": "99ec`, `"output": "99ed`},
		{"pvm/programs/inst_add_64.json", `"expected-status": "`, `"expected-status": "no `},
		{"ed25519/vectors.json", `"s": "00`, `"s": "01`},
		{"erasure/tiny/ec-3.json", `"shards": [
        "0x`, `"shards": [
        "0xff`},
		{"bandersnatch/bandersnatch_sha-512_ell2_ietf.json", `"proof_s": "`, `"proof_s": "00`},
		{"bandersnatch/bandersnatch_sha-512_ell2_ring.json", `"ring_proof": "`, `"ring_proof": "00`},
	} {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(tc.file)))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(data), tc.old, tc.spoiled, 1)
		if text == string(data) {
			t.Fatalf("%s: nothing to spoil", tc.file)
		}
		checkSpoiled(t, tc.file, []byte(text))
	}
	for _, suite := range strings.Fields("accumulate assurances authorizations disputes history preimages reports safrole statistics") {
		for f := range vectors.Files(t, "stf/"+suite+"/tiny", ".bin") {
			f.Data[len(f.Data)-9] ^= 0x40
			checkSpoiled(t, "stf/"+suite+"/tiny/"+f.Name, f.Data)
			break
		}
	}
}

func checkSpoiled(t *testing.T, name string, data []byte) {
	t.Helper()
	at := filepath.Join(t.TempDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Path(at); err != nil {
		t.Fatal(err)
	}
	results := r.Results()
	if len(results) != 1 || results[0].Failed == 0 || results[0].Failures[0].Reason == "" {
		t.Errorf("%s: spoiled, and nobody saw it", name)
		return
	}
	t.Logf("%s: %s", name, results[0].Failures[0].Reason)
}

func TestFind(t *testing.T) {
	for path, want := range map[string]string{
		"/v/stf/safrole/tiny/publish-tickets-1.bin":                 "stf/safrole tiny",
		"/v/stf/safrole/full/publish-tickets-1.bin":                 "stf/safrole full",
		"/v/stf/safrole/tiny/publish-tickets-1.json":                "",
		"/v/codec/full/block.bin":                                   "codec full",
		"/v/erasure/tiny/ec-3.json":                                 "erasure tiny",
		"/v/traces/storage/00000001.bin":                            "traces tiny",
		"/v/traces/storage/genesis.bin":                             "traces tiny",
		"/v/fuzz-traces/1766241968/00000001.bin":                    "fuzz-traces tiny",
		"/jam-conformance/fuzz-reports/0.7.2/traces/1/00000001.bin": "fuzz-traces tiny",
		"/jam-conformance/fuzz-reports/0.7.0/traces/1/00000001.bin": "",
		"/jam-conformance/crypto/ed25519/vectors.json":              "ed25519 ",
		"/v/fuzz-proto/forks/00000000_fuzzer_peer_info.bin":         "fuzz-proto tiny",
		"/v/pvm/programs/inst_add_64.json":                          "pvm ",
		"/v/pvm/schema.json":                                        "",
		"/v/trie/trie.json":                                         "trie ",
		"/assets/vectors/bandersnatch_sha-512_ell2_ring.json":       "bandersnatch ",
		"/assets/vectors/ed25519_sha-512_tai_ietf.json":             "",
	} {
		got := ""
		if s, chain := find(path); s != nil {
			got = s.name + " " + chain
		}
		if got != want {
			t.Errorf("%s belongs to %q, want %q", path, got, want)
		}
	}
}
