package rpc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/services"
	"damson/node"
	"damson/node/builder"
	"damson/node/rpc"
	"damson/state"
)

// TestForeignClient has a client from npm drive every method and subscription of a node in a network of six validators, make mistakes, and
// leave 1,000 connections idle.
func TestForeignClient(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of validators for half a minute")
	}
	dir := install(t)
	const slot = time.Second
	w := newWorld(t, 6, slot)
	s, address := w.server(t, rpc.Options{})
	facts := w.facts(slot)
	drafts := httptest.NewServer(http.HandlerFunc(w.draft))
	t.Cleanup(drafts.Close)
	facts["drafts"] = drafts.URL
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "facts.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "drive.mjs", address, file)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	before := inUse()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	idle := int64(0) // what the process had while the connections were open
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(100 * time.Millisecond):
			if idle == 0 && s.Statistics().Sockets > idleSockets {
				idle = inUse()
			}
		}
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	each := (idle - before) / idleSockets
	if idle == 0 || each > maxIdleOctets {
		t.Errorf("with %d idle connections the process had %d octets, %d before", idleSockets, idle, before)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	fmt.Printf("figure npm client %s, %d KiB for each of %d idle sockets, with all six nodes in the process\n", lines[len(lines)-1], each>>10, idleSockets)
}

const (
	idleSockets = 1000 // that the client opens besides its own
	// maxIdleOctets is what an idle connection may cost. The chain goes on meanwhile, which costs, too.
	maxIdleOctets = 150 << 10
)

// What a package of the client has the service write.
const writtenKey, writtenValue = "from npm", "by way of a core"

// draft gives a package that fits onto the best block of now, as builders make it.
func (w *world) draft(out http.ResponseWriter, _ *http.Request) {
	var p *bundle.Bundle
	err := errors.New("the node has stopped")
	w.hosts[0].Do(func(n *node.Node) {
		var c services.Commands
		c.Set(writtenKey, writtenValue)
		b := builder.Builder{Options: builder.Options{Node: n}}
		p, err = b.Draft(1, builder.Item{Service: service, Payload: c.Payload()})
	})
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	hash := p.Package.Hash()
	_ = json.NewEncoder(out).Encode(map[string][]byte{"package": p.Package.AppendTo(nil), "hash": hash[:]})
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

// facts are what the client is to find.
func (w *world) facts(slot time.Duration) map[string]any {
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
		"wanted": wanted, "wanted_hash": asked[:], "wanted_length": len(wanted),
		"written_key": []byte(writtenKey), "written": []byte(writtenValue), "idle": idleSockets, "queue": p.AuthQueueSize,
	}
}

// workPackage gives a package that keeps the limits, whatever guarantors would say to it.
func workPackage(w *world) []byte {
	p := &block.WorkPackage{
		Context: block.RefinementContext{Anchor: w.spec.HeaderHash(), LookupAnchor: w.spec.HeaderHash()},
		Items:   []block.WorkItem{{Service: service, RefineGas: 1000, AccumulateGas: 1000, Payload: []byte("payload")}},
	}
	return p.AppendTo(nil)
}
