package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is what a command prints, while it runs.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// runNetwork runs the testnet command until the test ends, and gives where it says that its page is, and node 0.
func runNetwork(t *testing.T, more ...string) (page, rpc string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := new(said), make(chan error, 1)
	cmd := root()
	cmd.SetArgs(append([]string{
		"testnet", "--slots", "1000", "--slot-duration", "500ms", "--engine", "interp", "--dashboard", "127.0.0.1:0",
	}, more...))
	cmd.SetOut(out)
	cmd.SetErr(out)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	where := regexp.MustCompile(`(?s)Dashboard  (http://\S+).*?Node 0     (ws://\S+)`)
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if m := where.FindStringSubmatch(out.String()); m != nil {
			return m[1], m[2]
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("the network ended: %v\n%s", err, out)
		default:
		}
	}
	t.Fatalf("the network does not say where it is:\n%s", out)
	return "", ""
}

// TestTop watches a node that is there, and one that is not.
func TestTop(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of validators")
	}
	_, address := runNetwork(t)
	var out bytes.Buffer
	run := func(args ...string) error {
		out.Reset()
		cmd := root()
		cmd.SetArgs(append([]string{"top", "--once"}, args...))
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		return cmd.Execute()
	}
	var s sight
	for begun := time.Now(); len(s.Validators) == 0 || s.Nodes[0].Status.Best.Slot < 3; time.Sleep(200 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("no three blocks in a minute: %s", &out)
		}
		if run("--json", address) == nil {
			s = sight{}
			if err := json.Unmarshal(out.Bytes(), &s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(s.Validators) != 6 || len(s.Cores) != 2 || s.Nodes[0].Status.Peers < 5 {
		t.Errorf("%s", &out)
	}
	if err := run(address); err != nil || !strings.Contains(out.String(), "Validators, in this epoch") {
		t.Errorf("%v: %s", err, &out)
	}
	if err := run(address, "ws://127.0.0.1:1/"); exitCode(err) != exitNetwork || !strings.Contains(out.String(), "127.0.0.1:1") {
		t.Errorf("a node that is not there: %v: %s", err, &out)
	}
}

// TestPageOfProcesses shows nodes that are processes of their own.
func TestPageOfProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("a network of processes")
	}
	t.Setenv(programEnv, "1")
	page, _ := runNetwork(t, "--separate-processes", "--rpc-port", "29800")
	var text string
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(200 * time.Millisecond) {
		reply, err := http.Get(page + "api/nodes") //nolint:gosec // of this test
		if err != nil {
			t.Fatal(err)
		}
		octets, err := io.ReadAll(reply.Body)
		_ = reply.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		text = string(octets)
		if strings.Count(text, `"up":true`) == 6 && !strings.Contains(text, `"slot":0,`) {
			return
		}
	}
	t.Errorf("not all nodes are shown in a minute: %s", text)
}
