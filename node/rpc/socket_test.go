package rpc_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"damson/node"
	"damson/node/rpc"
	"damson/node/rpc/client"

	"github.com/coder/websocket"
)

// raw is a connection that sends and reads octets.
type raw struct {
	t  *testing.T
	ws *websocket.Conn
}

func open(t *testing.T, address string) *raw {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &raw{t, ws}
}

func (r *raw) send(body string) {
	r.t.Helper()
	if err := r.ws.Write(r.t.Context(), websocket.MessageText, []byte(body)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) read() (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	_, octets, err := r.ws.Read(ctx)
	return string(octets), err
}

func (r *raw) expect(want string) {
	r.t.Helper()
	if got, err := r.read(); err != nil || !strings.Contains(got, want) {
		r.t.Fatalf("%q, %v, want %q", got, err, want)
	}
}

// TestSockets is about what connections may ask and must bear.
func TestSockets(t *testing.T) {
	w := newWorld(t, 1, 200*time.Millisecond)
	w.wait(t, "a block", func(n *node.Node) bool { return n.Chain.Best().Height >= 1 })
	for name, test := range map[string]func(*testing.T, *world){
		"errors": testErrors, "bare": testBare, "limits": testLimits, "long": testLong, "slow": testSlow, "closing": testClosing,
	} {
		t.Run(name, func(t *testing.T) { test(t, w) })
	}
}

func testErrors(t *testing.T, w *world) {
	c := open(t, w.serve(t, rpc.Options{}))
	c.send(`{`)
	c.expect(`"code":-32700`)
	c.send(`{"jsonrpc":"2.0","id":1,"method":"nothing"}`)
	c.expect(`"code":-32601`)
	c.send(`[{"jsonrpc":"2.0","id":1,"method":"subscribeBestBlock"},{"jsonrpc":"2.0","id":2,"method":"unsubscribeBestBlock","params":[1]}]`)
	c.expect(`[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"result":true}]`)
	c.send(`{"jsonrpc":"2.0","id":3,"method":"subscribeBestBlock"}`)
	c.expect(`"result":2`)
	c.expect(`{"jsonrpc":"2.0","method":"subscribeBestBlock","params":{"subscription":2,"result":["`)
	c.send(`{"jsonrpc":"2.0","method":"subscribeBestBlock"}`) // no id: nothing is begun
}

func testBare(t *testing.T, w *world) {
	address := w.serve(t, rpc.Options{})
	ws, _, err := websocket.Dial(t.Context(), "ws://"+address+"/?results=bare", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow() //nolint:errcheck // the end of a test
	c := &raw{t, ws}
	genesis, err := json.Marshal(w.spec.HeaderHash()) // not in base64, as our hashes are in logs
	if err != nil {
		t.Fatal(err)
	}
	c.send(`{"jsonrpc":"2.0","id":1,"method":"stateRoot","params":[` + string(genesis) + `]}`)
	c.expect(`"code":-32602`)
	c.send(`{"jsonrpc":"2.0","id":1,"method":"parameters"}`)
	c.expect(`"result":{"V1":{`)
}

func testLimits(t *testing.T, w *world) {
	address := w.serve(t, rpc.Options{Limits: rpc.Limits{Subscriptions: 2, Sockets: 2}})
	c, _ := open(t, address), open(t, address)
	if ws, reply, err := websocket.Dial(t.Context(), "ws://"+address+"/", nil); err == nil {
		_ = ws.CloseNow()
		t.Error("a third connection")
	} else if reply == nil || reply.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%v", err)
	}
	for i := range 3 {
		c.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":"s%d","method":"subscribeServiceData","params":[%d]}`, i, i))
	}
	for {
		got, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got, `"s2"`) {
			if !strings.Contains(got, `"code":-32000`) {
				t.Errorf("third subscription: %s", got)
			}
			break
		}
	}
}

func testLong(t *testing.T, w *world) {
	c := open(t, w.serve(t, rpc.Options{}))
	c.send(`{"jsonrpc":"2.0","id":"` + strings.Repeat(" ", 1<<20) + `","method":"bestBlock"}`) // read, and refused
	c.expect(`"code":-32600`)
	go func() { _ = c.ws.Write(context.Background(), websocket.MessageText, make([]byte, 32<<20)) }()
	c.expect(`a message has at most`)
	if _, err := c.read(); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("after a message that is too long: %v", err)
	}
}

func testClosing(t *testing.T, w *world) {
	s, err := rpc.New(rpc.Options{Node: w.hosts[0]})
	if err != nil {
		t.Fatal(err)
	}
	l, err := rpc.Listen("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), "ws://"+l.Address.String())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := c.SubscribeBestBlock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for range sub.C { // until it ends
	}
	if sub.Err() == nil {
		t.Error("a subscription that ended for no reason")
	}
	_ = c.Close()
}

// testSlow has a client that asks for much and does not read.
func testSlow(t *testing.T, w *world) {
	s, err := rpc.New(rpc.Options{Node: w.hosts[0], Limits: rpc.Limits{Queue: 2, Patience: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := rpc.Listen("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := open(t, l.Address.String())
	c.send(`{"jsonrpc":"2.0","id":1,"method":"subscribeBestBlock"}`)
	c.expect(`"result":1`)
	ask := `{"jsonrpc":"2.0","id":1,"method":"parameters"}` + strings.Repeat(" ", 200)
	batch := "[" + strings.Repeat(ask+",", 120) + ask + "]"
	asking, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { // until the answers fill what there is between us, and longer
		defer close(stopped)
		for c.ws.Write(asking, websocket.MessageText, []byte(batch)) == nil { // there is nothing else to do
		}
	}()
	defer func() {
		cancel()
		<-stopped
	}()
	for begun := time.Now(); s.Statistics().SlowSubscriptions == 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 50*time.Second {
			t.Fatal("the subscription goes on")
		}
	}
	if n := s.Statistics().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

// TestIdleSockets has 1,000 connections that say nothing: they cost little, and others are served.
func TestIdleSockets(t *testing.T) {
	w := newWorld(t, 1, 400*time.Millisecond)
	address := w.serve(t, rpc.Options{})
	c := dial(t, "ws://"+address)
	before := inUse()
	const count = 1000
	idle := make([]*websocket.Conn, count)
	var wait sync.WaitGroup
	gate := make(chan struct{}, 50)
	for i := range idle {
		wait.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			ws, _, err := websocket.Dial(t.Context(), "ws://"+address+"/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			idle[i] = ws
		})
	}
	wait.Wait()
	each := (inUse() - before) / count
	t.Logf("%d KiB for a connection, both ends", each>>10)
	if each > 100<<10 {
		t.Errorf("an idle connection costs %d octets at both ends", each)
	}
	if _, err := c.BestBlock(t.Context()); err != nil {
		t.Error(err)
	}
	for _, ws := range idle {
		if ws != nil {
			_ = ws.CloseNow()
		}
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
