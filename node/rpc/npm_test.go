package rpc_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/rpc"
	"damson/state"
)

// packages takes every package.
type packages struct{ taken chan []byte }

func (p packages) SubmitPackage(_ protocol.Core, pkg []byte, _ [][]byte, done func(error)) {
	p.taken <- pkg
	done(nil)
}

// TestForeignClient has a client from npm drive every method and subscription of a node in a network of six validators.
func TestForeignClient(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of validators for half a minute")
	}
	dir := install(t)
	const slot = time.Second
	w := newWorld(t, 6, slot)
	taken := packages{make(chan []byte, 16)}
	address := w.serve(t, rpc.Options{Packages: taken})
	pkg := workPackage(w)
	facts, err := json.Marshal(w.facts(pkg, slot))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "facts.json")
	if err := os.WriteFile(file, facts, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "drive.mjs", address, file)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
	select {
	case got := <-taken.taken:
		if string(got) != string(pkg) {
			t.Errorf("package %x, want %x", got, pkg)
		}
	default:
		t.Error("no package was handed in")
	}
}

// install puts the client into a folder, or skips the test where it cannot be had.
func install(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed: no client from npm drives the node")
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "drive.mjs"} {
		octets, err := os.ReadFile(filepath.Join("testdata", "npm", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), octets, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("npm cannot install the client, no network? %v: %s", err, lines[len(lines)-1])
	}
	return dir
}

// workPackage gives a package that keeps the limits, whatever guarantors would say to it.
func workPackage(w *world) []byte {
	p := &block.WorkPackage{
		Context: block.RefinementContext{Anchor: w.spec.HeaderHash(), LookupAnchor: w.spec.HeaderHash()},
		Items:   []block.WorkItem{{Service: service, RefineGas: 1000, AccumulateGas: 1000, Payload: []byte("payload")}},
	}
	return p.AppendTo(nil)
}

// facts are what the client is to find.
func (w *world) facts(pkg []byte, slot time.Duration) map[string]any {
	p := w.spec.Params
	genesis := w.spec.HeaderHash()
	root := w.spec.Genesis().Root()
	had, asked := blake2b.Sum256(preimage), blake2b.Sum256(wanted)
	return map[string]any{
		"parameters": map[string]any{
			"val_count": p.Validators, "epoch_period": p.EpochLength, "max_refine_gas": p.RefineGas, "basic_piece_len": p.PieceOctets,
		},
		"slot_ms": slot.Milliseconds(), "genesis": genesis[:], "genesis_root": root[:], "nothing": make([]byte, 32),
		"service": service, "account_length": state.AccountSize, "statistics_length": 2 * p.Validators * 6 * 4,
		"key": storedKey, "value": storedValue, "preimage": preimage, "preimage_hash": had[:], "preimage_length": len(preimage),
		"wanted": wanted, "wanted_hash": asked[:], "wanted_length": len(wanted), "package": pkg,
	}
}
