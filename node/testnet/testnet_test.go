package testnet

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/interp"
)

// slotOfTests is how long a slot lasts: as short as a busy machine bears.
const slotOfTests = 400 * time.Millisecond

// logs keeps what nodes say.
type logs struct {
	mu sync.Mutex
	of map[int]*bytes.Buffer
}

type logWriter struct {
	logs *logs
	node int
}

func (w logWriter) Write(b []byte) (int, error) {
	w.logs.mu.Lock()
	defer w.logs.mu.Unlock()
	return w.logs.of[w.node].Write(b)
}

func (l *logs) said(node int, text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.of[node].String(), text)
}

func start(t *testing.T, s Scenario, prepare func(*Net)) (*Net, *logs) {
	t.Helper()
	params, _ := protocol.Named("tiny")
	said := &logs{of: make(map[int]*bytes.Buffer)}
	for i := range params.Validators {
		said.of[i] = new(bytes.Buffer)
	}
	n, err := New(Options{
		Params: params, Slot: slotOfTests, Dir: t.TempDir(), Engine: engine(), Scenario: s, Settling: 20,
		Log: func(i int) *slog.Logger {
			return slog.New(slog.NewTextHandler(logWriter{said, i}, &slog.HandlerOptions{Level: slog.LevelInfo}))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(n)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return n, said
}

func engine() pvm.Engine { return interp.New() }

// TestScenarios does a network harm, which it must bear.
func TestScenarios(t *testing.T) {
	for _, s := range []Scenario{NoScenario, Partition, Equivocation, BadReport} {
		t.Run("scenario="+string(s), func(t *testing.T) {
			n, said := start(t, s, nil)
			lag := 0
			sum, err := n.Run(t.Context(), 30, func(v *View) { lag = max(lag, v.Lag) })
			if err != nil {
				t.Fatal(err)
			}
			if !sum.Agree || sum.Healed != nil && !*sum.Healed || sum.BlocksAuthored < 15 {
				t.Errorf("%s", asJSON(t, sum))
			}
			if s == Partition && lag < 6 {
				t.Errorf("finality was only %d slots behind: the network was not cut", lag)
			}
			if s == NoScenario && (sum.Forks > 5 || sum.Equivocations > 0) {
				t.Errorf("%+v", *sum)
			}
			for i, r := range n.records {
				if s != BadReport && r.last.Beefy.Committed == 0 {
					t.Errorf("node %d has no block whose outputs enough have signed: %+v", i, r.last.Beefy)
				}
			}
			for i := range n.members {
				if s == NoScenario && said.said(i, "clock") {
					t.Errorf("node %d blames the clock", i)
				}
			}
		})
	}
}

func asJSON(t *testing.T, of any) []byte {
	t.Helper()
	b, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestClocks has a validator whose clock is wrong: it notices, and nobody else says so.
func TestClocks(t *testing.T) {
	n, said := start(t, NoScenario, func(n *Net) { n.skew[5] = -5 * slotOfTests })
	if _, err := n.Run(t.Context(), 20, nil); err != nil {
		t.Fatal(err)
	}
	if !said.said(5, "is this machine's clock slow?") {
		t.Error("a slow clock is not noticed")
	}
	for i := range 5 {
		if said.said(i, "clock") {
			t.Errorf("node %d blames its clock", i)
		}
	}
}

func TestParseScenario(t *testing.T) {
	for name, ok := range map[string]bool{"": true, "partition": true, "equivocation": true, "restart": true, "bad-report": true, "x": false} {
		if _, err := ParseScenario(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
