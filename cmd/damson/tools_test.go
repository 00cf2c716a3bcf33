package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/jit"
	"damson/node/host"
	"damson/node/testnet"
)

// tools is a network to try the builder's tools on, with an RPC at its first node.
type tools struct {
	n        *testnet.Net
	url, dir string
}

// newTools starts a network of six validators with our services.
func newTools(t *testing.T) *tools {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := socket.Addr().(*net.TCPAddr).Port
	if err := socket.Close(); err != nil {
		t.Fatal(err)
	}
	run, _, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	serve := serveFlags{host: "127.0.0.1", port: uint16(port)}
	x := &tools{url: fmt.Sprintf("ws://127.0.0.1:%d/", port), dir: t.TempDir()}
	x.n, err = testnet.New(testnet.Options{
		Params: protocol.Tiny(), Slot: slotOfTests(), Dir: t.TempDir(), Engine: run,
		Attend: func(validator int, o *host.Options) testnet.Attendant {
			if validator > 0 {
				return nil
			}
			return serve.attend(validator, o)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.n.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.n.Stop(); err != nil {
			t.Error(err)
		}
	})
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		out, err := x.try("service", "info", "--rpc", x.url, "0")
		if err == nil && !strings.Contains(out, "last accumulation  0\n") || err == nil && time.Now().After(x.n.Slots.Start(3)) {
			return x
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("the network does not begin: %v", err)
		}
	}
}

// try runs the program, and gives what it prints.
func (x *tools) try(args ...string) (string, error) {
	cmd := root()
	var out, said bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&said)
	err := cmd.Execute()
	return out.String(), err
}

// run runs what must succeed.
func (x *tools) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := x.try(args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// fails runs what must fail with a word.
func (x *tools) fails(t *testing.T, word string, args ...string) {
	t.Helper()
	if out, err := x.try(args...); err == nil || !strings.Contains(err.Error(), word) {
		t.Errorf("%v: %v, want %q\n%s", args, err, word, out)
	}
}

func (x *tools) file(t *testing.T, name string, octets []byte) string {
	t.Helper()
	path := filepath.Join(x.dir, name)
	if err := os.WriteFile(path, octets, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTools tries what brings work to a chain and looks at it, by a follower and by RPC.
func TestTools(t *testing.T) {
	x := newTools(t)
	for name, way := range map[string][]string{"network": {"--network", x.n.Dir}, "rpc": {"--rpc", x.url}} {
		t.Run("work by "+name, func(t *testing.T) { x.work(t, name, way) })
	}
	t.Run("service by rpc", func(t *testing.T) { x.service(t, "rpc", []string{"--rpc", x.url}) })
	t.Run("service by network", func(t *testing.T) {
		way := []string{"--network", x.n.Dir}
		x.run(t, with(way, "service", "transfer", "4", "--amount", "5000")...)
		x.run(t, with(way, "service", "preimage", "provide", "0", x.file(t, "wanted", []byte("wanted")), "--solicit")...)
		x.fails(t, "does not ask for the data", with(way, "service", "preimage", "provide", "0", x.file(t, "not", []byte("not")))...)
		x.fails(t, "no such service", with(way, "service", "info", "12345")...)
	})
	t.Run("assign", x.assign)
}

func with(way []string, args ...string) []string { return append(args, way...) }

// work submits packages from flags and from a file, and watches them.
func (x *tools) work(t *testing.T, name string, way []string) {
	out := x.run(t, with(way, "work", "submit", "--core", "1", "--service", "4", "--until", "finalized")...)
	for _, stage := range strings.Split(stageNames(), ", ") {
		if !strings.Contains(out, "\n"+stage+" ") {
			t.Errorf("%q is not shown:\n%s", stage, out)
		}
	}
	var c services.Commands
	c.Set("key", "value")
	data := x.file(t, name+"-extrinsic", []byte("data"))
	file := x.file(t, name+"-package.json", fmt.Appendf(nil,
		`{"core": 1, "items": [{"service": 0, "payload": "0x%x"}, {"service": 4, "extrinsics": ["@%s", "0x00"]}]}`, c.Payload(), data))
	out = x.run(t, with(way, "work", "submit", file, "--json")...)
	var last shownStage // that it waits for: what comes in the same block is told as well
	for line := range strings.Lines(out) {
		var s shownStage
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatal(err)
		}
		if s.Stage == "accumulated" {
			last = s
		}
	}
	if last.Stage == "" || last.Core != 1 || last.Slot == 0 {
		t.Errorf("%+v", last)
	}
	if got := x.run(t, with(way, "service", "storage", "get", "0", "key", "--raw")...); got != "value" {
		t.Errorf("stored is %q", got)
	}
	if got := x.run(t, with(way, "service", "storage", "get", "0", "0x6b6579")...); got != "0x76616c7565\n" {
		t.Errorf("stored is %q", got)
	}
	out = x.run(t, with(way, "work", "watch", last.Hash)...)
	if !strings.Contains(out, "finalized") {
		t.Errorf("watch shows:\n%s", out)
	}
	x.fails(t, "core 7: the chain has 2", with(way, "service", "assign", "--assign-core", "7", "--authorizer", "0x"+strings.Repeat("11", 32))...)
	x.fails(t, "no such service", with(way, "work", "submit", "--service", "77")...)
	x.fails(t, "has 2", with(way, "work", "submit", "--core", "7", "--service", "4")...)
	x.fails(t, "out of gas", with(way, "work", "submit", "--service", "4", "--refine-gas", "1")...)
	x.fails(t, "not accumulated yet", with(way, "work", "watch", "--until", "accumulated", "--timeout", "4s", "0x"+strings.Repeat("11", 32))...)
}

// service makes a service and has all done with it that can be.
func (x *tools) service(t *testing.T, name string, way []string) {
	store := x.file(t, name+"-store", append([]byte{}, services.Store().Blob...))
	id := strings.TrimSpace(x.run(t, with(way, "service", "create", store, "--balance", "1000000", "--min-memo-gas", "50")...))
	if out := x.run(t, with(way, "service", "info", id)...); !strings.Contains(out, services.Store().Hash.String()) ||
		!strings.Contains(out, "min memo gas       50") {
		t.Errorf("service %s is\n%s", id, out)
	}
	x.run(t, with(way, "service", "transfer", id, "--amount", "5000", "--memo", "rent")...)
	x.run(t, with(way, "service", "transfer", "0", "--store", id, "--amount", "700")...)
	x.fails(t, "wants 50 of gas", with(way, "service", "transfer", id, "--amount", "5", "--gas", "1")...)
	x.fails(t, "was paid nothing", with(way, "service", "transfer", "4", "--store", id, "--amount", "99999999999")...)

	data := x.file(t, name+"-data", []byte("what "+name+" brings"))
	x.fails(t, "does not ask for the data", with(way, "service", "preimage", "provide", id, data)...)
	x.run(t, with(way, "service", "preimage", "provide", id, data, "--solicit")...)

	code := x.file(t, name+"-counter", services.Counter().Blob)
	x.run(t, with(way, "service", "upgrade", code, "--store", id)...)
	if out := x.run(t, with(way, "service", "info", id)...); !strings.Contains(out, services.Counter().Hash.String()) {
		t.Errorf("service %s is\n%s", id, out)
	}
	x.fails(t, "has nothing under", with(way, "service", "storage", "get", id, "no such key")...)
	x.fails(t, "no index of a service", with(way, "service", "info", "none")...)
	x.fails(t, "no such service", with(way, "service", "info", "12345")...)
}

// assign leaves core 1 to an authorizer that nobody has the code of, after which nobody takes packages for it. It comes last.
func (x *tools) assign(t *testing.T) {
	way := []string{"--rpc", x.url}
	x.run(t, with(way, "service", "assign", "--assign-core", "1", "--authorizer", "0x"+strings.Repeat("11", 32)+":0102")...)
	x.run(t, with(way, "service", "assign", "--assign-core", "1", "--store", "0", "--authorizer", services.Anyone().Hash.String())...)
	out := x.run(t, "load", "--network", x.n.Dir, "--duration", (10 * x.n.Slot).String(), "--tps", "50", "--json")
	var s struct {
		Accumulated int  `json:"packages_accumulated"`
		Balanced    bool `json:"token_balanced"`
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.Accumulated == 0 || !s.Balanced {
		t.Errorf("%v\n%s", err, out)
	}
	_, err := x.try("load", "--rpc", x.url)
	if err == nil || exitCode(err) != exitUsage {
		t.Errorf("load by RPC: %v", err)
	}
	if _, err := x.try("work", "submit", "--rpc", "ws://127.0.0.1:1/"); exitCode(err) != exitNetwork {
		t.Errorf("no node: %v", err)
	}
	if _, err := x.try("work", "submit"); !errors.Is(err, errWhich) {
		t.Errorf("no chain: %v", err)
	}
}
