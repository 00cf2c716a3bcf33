package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/internal/vectors"
	"damson/node/host"
	"damson/node/testnet"
)

// slotOfTests is how long a slot lasts on the networks of tests.
func slotOfTests() time.Duration {
	if vectors.Thorough() {
		return time.Second
	}
	return 400 * time.Millisecond
}

// guest is a node in a process that follows a network.
type guest struct {
	*exec.Cmd
	stdin io.Closer
	dir   string
	log   bytes.Buffer
}

func startGuest(t *testing.T, n *testnet.Net, dir string, more ...string) *guest {
	t.Helper()
	arguments := []string{
		"run", "--with-parent", "--chain", n.SpecFile(), "--data-path", dir, "--slot-duration", n.Slot.String(),
		"--era", n.Slots.Era.UTC().Format(time.RFC3339Nano), "--engine", "interp", "--cache", "16",
	}
	g := &guest{Cmd: exec.Command(os.Args[0], append(arguments, more...)...), dir: dir}
	in, err := g.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.stdin, g.Stderr = in, &g.log
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return g
}

// end ends the guest in order, or at once.
func (g *guest) end(t *testing.T, kill bool) {
	t.Helper()
	if kill {
		if err := g.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = g.Wait()
		return
	}
	if err := g.stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := g.Wait(); err != nil {
		t.Errorf("a guest ended with %v:\n%s", err, g.log.String())
	}
}

// TestComingBack runs a network of processes. A validator and a node without keys are killed, and come back after three epochs: the
// validator and the node by the blocks that they have missed; and the node, as another that has nothing, by a state as well.
func TestComingBack(t *testing.T) {
	t.Setenv(programEnv, "1")
	f := &testnetFlags{engine: "interp", log: logFlags{level: "off", format: "text"}, spec: "tiny"}
	params, err := f.params()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n, err := testnet.New(testnet.Options{
		Params: params, Slot: slotOfTests(), Dir: dir, Command: (&spawner{f: f, dir: dir, stderr: os.Stderr}).start, Settling: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := n.Start(ctx); err != nil {
		t.Fatal(err)
	}
	const killed, off = 8, 36       // slots; three epochs
	const slots = killed + off + 40 // so that it can win tickets again, in two epochs
	guests := []*guest{startGuest(t, n, filepath.Join(dir, "follower"))}
	s, err := n.Run(ctx, slots, func(v *testnet.View) {
		switch v.Done {
		case killed:
			if err := n.KillNode(5); err != nil {
				t.Error(err)
			}
			if r, err := host.Ask(guests[0].dir, host.Question{}); err != nil || r.Final.Slot == 0 {
				t.Errorf("the follower does not follow: %v:\n%s", err, guests[0].log.String())
			}
			guests[0].end(t, true)
		case killed + off:
			if err := n.StartNode(ctx, 5); err != nil {
				t.Error(err)
			}
			guests = []*guest{
				startGuest(t, n, filepath.Join(dir, "follower")), startGuest(t, n, filepath.Join(dir, "warped"), "--sync", "warp"),
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Agree || s.Equivocations > 0 {
		t.Errorf("%+v", *s)
	}
	checkReturn(t, n, s)
	for i, g := range guests {
		checkGuest(t, g, s, i == 1)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	for _, g := range guests {
		checkStore(t, g.dir)
	}
	checkStore(t, filepath.Join(dir, "node5"))
	words, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	vectors.Figure(t, "coming-back", "%d slots of %v, a validator and a node off for %d: %s", slots, n.Slot, off, words)
}

// checkReturn wants the validator that was killed to have authored again, and nobody to have equivocated.
func checkReturn(t *testing.T, n *testnet.Net, s *testnet.Summary) {
	t.Helper()
	r, err := host.Ask(filepath.Join(n.Dir, "node5"), host.Question{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Counts.Authored == 0 {
		t.Error("the validator that was killed has not authored again")
	}
	if r.Counts.Equivocations > 0 || s.Equivocations > 0 {
		t.Error("somebody has equivocated")
	}
}

// checkGuest wants a guest to have the last block of a run, with its state.
func checkGuest(t *testing.T, g *guest, s *testnet.Summary, warped bool) {
	t.Helper()
	var r *host.Report
	var err error
	for range 100 {
		if r, err = host.Ask(g.dir, host.Question{}); err == nil && uint32(r.Final.Slot) >= s.BestSlot {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	found := false
	if err == nil {
		for _, e := range r.Events {
			found = found || uint32(e.Slot) == s.BestSlot && e.StateRoot.String() == s.StateRoot
		}
	}
	if !found {
		t.Errorf("a guest does not come to the same state: %v:\n%s", err, g.log.String())
	}
	if got := strings.Contains(g.log.String(), "the state is here and proved"); got != warped {
		t.Errorf("a state was downloaded: %v, want %v:\n%s", got, warped, g.log.String())
	}
	if err == nil && warped && r.Counts.Imported > 50 {
		t.Errorf("the guest with a state has executed %d blocks", r.Counts.Imported)
	}
	g.end(t, false)
}

// checkStore looks at the chain in a data folder with db check, and at its copy.
func checkStore(t *testing.T, dir string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	for _, args := range [][]string{{"db", "check", dir}, {"db", "prune", dir}, {"db", "backup", dir, to}, {"db", "check", to}} {
		cmd := root()
		var out bytes.Buffer
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		if err := cmd.Execute(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out.String())
		}
	}
}

// TestExitCodes runs what fails, each in its way.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.toml")
	if err := os.WriteFile(bad, []byte("no-such-flag = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(dir, "spec.json")
	if err := os.WriteFile(spec, []byte(`{"id": "x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
	}{
		{[]string{"run", "--no-such-flag"}, exitUsage},
		{[]string{"run", "argument"}, exitUsage},
		{[]string{"run", "--config", bad}, exitUsage},
		{[]string{"run", "--config", filepath.Join(dir, "none")}, exitUsage},
		{[]string{"run", "--sync", "maybe", "--temp"}, exitUsage},
		{[]string{"run", "--temp", "--data-path", dir}, exitUsage},
		{[]string{"run", "--bootnode", "x@y", "--temp"}, exitUsage},
		{[]string{"run", "--listen", "here", "--temp"}, exitUsage},
		{[]string{"run", "--log-level", "loud"}, exitUsage},
		{[]string{"run", "--chain", spec}, exitInput},
		{[]string{"run", "--chain", filepath.Join(dir, "none")}, exitInput},
		{[]string{"run", "--keys", filepath.Join(dir, "none")}, exitInput},
		{[]string{"run", "--listen", "192.0.2.1:1", "--temp", "--log-level", "off"}, exitNetwork},
		{[]string{"testnet", "--scenario", "bad-reports"}, exitUsage},
		{[]string{"testnet", "--validators", "-1"}, exitUsage},
		{[]string{"db", "check", dir}, exitData},
	} {
		cmd := root()
		cmd.SetArgs(tc.args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.Execute(); err == nil || exitCode(err) != tc.code {
			t.Errorf("%v: %v, code %d, want %d", tc.args, err, exitCode(err), tc.code)
		}
	}
}

// TestConfig sets flags by a file, over which the command line goes.
func TestConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "damson.toml")
	text := "log-level = \"error\"\ndev-validator = 3\narchive = true\nslot-duration = \"2s\"\nbootnode = [\"a\", \"b\"]\nrpc-port = 19800\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := runCommand()
	if err := cmd.ParseFlags([]string{"--log-level", "debug"}); err != nil {
		t.Fatal(err)
	}
	if err := readConfig(cmd, path); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, name := range []string{"log-level", "dev-validator", "archive", "slot-duration", "bootnode", "rpc-port"} {
		got += fmt.Sprint(cmd.Flags().Lookup(name).Value, " ")
	}
	if want := "debug 3 true 2s [a,b] 19800 "; got != want {
		t.Errorf("flags are %s, want %s", got, want)
	}
}
