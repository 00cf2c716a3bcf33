package rpc_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/rpc"
	"damson/node/rpc/client"
	"damson/state"
)

// TestServer drives a server by our client, by POST and WebSocket, and by octets.
func TestServer(t *testing.T) {
	w := newWorld(t, 1, 400*time.Millisecond)
	address := w.serve(t, rpc.Options{Hosts: []string{"node.example"}, Origins: []string{"https://good.example"}})
	w.wait(t, "three blocks", func(n *node.Node) bool { return n.Chain.Best().Height >= 3 })
	for _, scheme := range []string{"ws", "http"} {
		t.Run("calls/"+scheme, func(t *testing.T) { testCalls(t, w, dial(t, scheme+"://"+address)) })
	}
	t.Run("subscriptions", func(t *testing.T) { testSubscriptions(t, w, dial(t, "ws://"+address)) })
	t.Run("octets", func(t *testing.T) { testOctets(t, address) })
	t.Run("guard", func(t *testing.T) { testGuard(t, address) })
	t.Run("submissions", func(t *testing.T) { testSubmissions(t, w, dial(t, "ws://"+address)) })
	t.Run("pages", func(t *testing.T) { testPages(t, address) })
}

func testCalls(t *testing.T, w *world, c *client.Client) {
	ctx := t.Context()
	p, err := c.Parameters(ctx)
	if want := rpc.ParametersOf(w.spec.Params); err != nil || *p != *want {
		t.Errorf("parameters %+v, %v", p, err)
	}
	best, err := c.BestBlock(ctx)
	if err != nil || best.Slot == 0 {
		t.Fatalf("best %+v, %v", best, err)
	}
	if _, err := c.FinalizedBlock(ctx); err != nil {
		t.Error(err)
	}
	parent, err := c.Parent(ctx, best.Hash)
	if err != nil || parent.Slot >= best.Slot {
		t.Errorf("parent %+v, %v", parent, err)
	}
	genesis := w.spec.HeaderHash()
	root, err := c.StateRoot(ctx, genesis)
	if want := w.spec.Genesis().Root(); err != nil || root != want {
		t.Errorf("root %s, %v, want %s", root, err, want)
	}
	var belt protocol.Hash
	w.hosts[0].Do(func(n *node.Node) {
		if b := n.Chain.Block(best.Hash); b != nil {
			recent, err := b.State.Recent()
			if err != nil {
				t.Error(err)
				return
			}
			belt = recent.Blocks[len(recent.Blocks)-1].BeefyRoot
		}
	})
	if beefy, err := c.BeefyRoot(ctx, best.Hash); err != nil || beefy != belt {
		t.Errorf("beefy root %s, %v, want %s", beefy, err, belt)
	}
	stats, err := c.Statistics(ctx, best.Hash)
	d := codec.NewDecoder(stats)
	if activity := state.DecodeActivity(&d, w.spec.Params); err != nil || d.Finish() != nil || len(activity.Current) != w.spec.Params.Validators {
		t.Errorf("statistics %x, %v", stats, err)
	}
	testService(t, c, best.Hash)
	status, err := c.Status(ctx)
	if err != nil || !status.Validator || status.Best.Slot < best.Slot {
		t.Errorf("status %+v, %v", status, err)
	}

	unknown := protocol.Hash{1}
	for name, ask := range map[string]func() error{
		"parent":       func() error { _, err := c.Parent(ctx, unknown); return err },
		"genesis":      func() error { _, err := c.Parent(ctx, genesis); return err },
		"stateRoot":    func() error { _, err := c.StateRoot(ctx, unknown); return err },
		"beefyRoot":    func() error { _, err := c.BeefyRoot(ctx, unknown); return err },
		"statistics":   func() error { _, err := c.Statistics(ctx, unknown); return err },
		"serviceData":  func() error { _, err := c.ServiceData(ctx, unknown, service); return err },
		"listServices": func() error { _, err := c.ListServices(ctx, unknown); return err },
	} {
		if err := ask(); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%s of an unknown block: %v", name, err)
		}
	}
}

func testService(t *testing.T, c *client.Client, at protocol.Hash) {
	ctx := t.Context()
	services, err := c.ListServices(ctx, at)
	if err != nil || !slices.Equal(services, []protocol.ServiceID{service}) {
		t.Errorf("services %v, %v", services, err)
	}
	if account, err := c.ServiceData(ctx, at, service); err != nil || len(account) != state.AccountSize {
		t.Errorf("account %x, %v", account, err)
	}
	if account, err := c.ServiceData(ctx, at, 77); err != nil || account != nil {
		t.Errorf("account of nobody %x, %v", account, err)
	}
	value, ok, err := c.ServiceValue(ctx, at, service, storedKey)
	if err != nil || !ok || string(value) != string(storedValue) {
		t.Errorf("value %q, %t, %v", value, ok, err)
	}
	if value, ok, err := c.ServiceValue(ctx, at, service, nil); err != nil || ok {
		t.Errorf("value of the empty key %q, %t, %v", value, ok, err)
	}
	hash := blake2b.Sum256(preimage)
	if blob, ok, err := c.ServicePreimage(ctx, at, service, hash); err != nil || !ok || string(blob) != string(preimage) {
		t.Errorf("preimage %q, %t, %v", blob, ok, err)
	}
	if slots, ok, err := c.ServiceRequest(ctx, at, service, hash, uint32(len(preimage))); err != nil || !ok || len(slots) != 1 {
		t.Errorf("request %v, %t, %v", slots, ok, err)
	}
	if _, ok, err := c.ServiceRequest(ctx, at, service, hash, 1); err != nil || ok {
		t.Errorf("request of another length %t, %v", ok, err)
	}
}

// next receives from a subscription.
func next[T any](t *testing.T, s *client.Subscription[T]) (v T) {
	t.Helper()
	select {
	case v, ok := <-s.C:
		if !ok {
			t.Fatalf("the subscription has ended: %v", s.Err())
		}
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is told")
	}
	return v
}

func testSubscriptions(t *testing.T, w *world, c *client.Client) {
	ctx := t.Context()
	best, err := c.SubscribeBestBlock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for last := next(t, best); last.Slot < 3; {
		now := next(t, best)
		if parent, err := c.Parent(ctx, now.Hash); err != nil || parent != last {
			t.Errorf("best block %v has parent %v, %v, want %v", now, parent, err, last)
		}
		last = now
	}
	if err := best.Close(ctx); err != nil {
		t.Error(err)
	}
	final, err := c.SubscribeFinalizedBlock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	finalStats, err := c.SubscribeStatistics(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	next(t, final)
	before := next(t, finalStats)
	made := w.finalize(t)
	if h := next(t, final); h.Hash != made.Hash {
		t.Errorf("finalized %v, want %v", h, made.Hash)
	}
	if after := next(t, finalStats); string(after.Value) == string(before.Value) {
		t.Error("statistics that did not change")
	}
	stats, err := c.SubscribeStatistics(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := next(t, stats), next(t, stats); string(a.Value) == string(b.Value) {
		t.Error("statistics that did not change")
	}
	account, err := c.SubscribeServiceData(ctx, service, false)
	if v := next(t, account); err != nil || !v.OK || len(v.Value) != state.AccountSize {
		t.Errorf("account %v, %v", v, err)
	}
	nobody, err := c.SubscribeServiceData(ctx, 77, false)
	if v := next(t, nobody); err != nil || v.OK {
		t.Errorf("account of nobody %v, %v", v, err)
	}
	value, err := c.SubscribeServiceValue(ctx, service, storedKey, true)
	if v := next(t, value); err != nil || string(v.Value) != string(storedValue) {
		t.Errorf("value %v, %v", v, err)
	}
	hash := blake2b.Sum256(preimage)
	blob, err := c.SubscribeServicePreimage(ctx, service, hash, false)
	if v := next(t, blob); err != nil || string(v.Value) != string(preimage) {
		t.Errorf("preimage %v, %v", v, err)
	}
	request, err := c.SubscribeServiceRequest(ctx, service, hash, uint32(len(preimage)), false)
	if v := next(t, request); err != nil || !v.OK || len(v.Value) != 1 {
		t.Errorf("request %v, %v", v, err)
	}
	var ended bool
	if err := c.Call(ctx, "unsubscribeServiceRequest", &ended, 999); err != nil || ended {
		t.Errorf("ended what was not there: %t, %v", ended, err)
	}
}

func testOctets(t *testing.T, address string) {
	var many strings.Builder
	for range 1000 {
		many.WriteString(`,{"jsonrpc":"2.0","id":1,"method":"bestBlock"}`)
	}
	zero := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, tc := range []struct{ name, body, want string }{
		{"no JSON", `{"jsonrpc":`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"this is no JSON"}}`},
		{"nothing", ``, `"code":-32700`},
		{"two values", `{} {}`, `"code":-32700`},
		{"a number", `1`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a request is an object"}}`},
		{"empty batch", `[]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the batch is empty"}}`},
		{"batch of numbers", `[1,2]`, `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600`},
		{"huge batch", "[1" + many.String() + "]", `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a batch has at most 128 requests"}}`},
		{"no version", `{"id":1,"method":"bestBlock"}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600`},
		{"version 1", `{"jsonrpc":"1.0","id":1,"method":"bestBlock"}`, `"code":-32600`},
		{"id object", `{"jsonrpc":"2.0","id":{},"method":"bestBlock"}`, `"id":null,"error":{"code":-32600`},
		{"method number", `{"jsonrpc":"2.0","id":1,"method":1}`, `"code":-32600`},
		{"params string", `{"jsonrpc":"2.0","id":1,"method":"parent","params":"x"}`, `"code":-32600`},
		{"unknown method", `{"jsonrpc":"2.0","id":"x","method":"nothing"}`, `{"jsonrpc":"2.0","id":"x","error":{"code":-32601`},
		{"no arguments", `{"jsonrpc":"2.0","id":1,"method":"parent"}`, `"code":-32602`},
		{"too many", `{"jsonrpc":"2.0","id":1,"method":"bestBlock","params":[1]}`, `"code":-32602`},
		{"hash of hex", `{"jsonrpc":"2.0","id":1,"method":"parent","params":["0x00"]}`, `"code":-32602`},
		{"short hash", `{"jsonrpc":"2.0","id":1,"method":"parent","params":["AAAA"]}`, `"code":-32602`},
		{"no padding", `{"jsonrpc":"2.0","id":1,"method":"parent","params":["` + strings.TrimRight(zero, "=") + `"]}`, `"code":-32602`},
		{"line break", `{"jsonrpc":"2.0","id":1,"method":"parent","params":["` + zero + `\n"]}`, `"code":-32602`},
		{"loose bits", `{"jsonrpc":"2.0","id":1,"method":"parent","params":["` + zero[:42] + `B="]}`, `"code":-32602`},
		{"number as hash", `{"jsonrpc":"2.0","id":1,"method":"parent","params":[7]}`, `"code":-32602`},
		{"negative service", `{"jsonrpc":"2.0","id":1,"method":"serviceData","params":["` + zero + `",-1]}`, `"code":-32602`},
		{"large service", `{"jsonrpc":"2.0","id":1,"method":"serviceData","params":["` + zero + `",4294967296]}`, `"code":-32602`},
		{"fraction", `{"jsonrpc":"2.0","id":1,"method":"serviceData","params":["` + zero + `",1.5]}`, `"code":-32602`},
		{"unknown name", `{"jsonrpc":"2.0","id":1,"method":"parent","params":{"hash":"` + zero + `"}}`, `"code":-32602`},
		{"by name", `{"jsonrpc":"2.0","id":1,"method":"parent","params":{"header_hash":"` + zero + `"}}`, `{"jsonrpc":"2.0","id":1,"result":null}`},
		{"fraction id", `{"jsonrpc":"2.0","id":1.5,"method":"parent","params":["` + zero + `"]}`, `"id":1.5,"result":null`},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"parent","params":["` + zero + `"]}`, `"id":null,"result":null`},
		{"subscription", `{"jsonrpc":"2.0","id":1,"method":"subscribeBestBlock"}`, `"code":-32601`},
		{
			"batch", ` [{"jsonrpc":"2.0","method":"bestBlock"},{"jsonrpc":"2.0","id":2,"method":"parent","params":["` + zero + `"]},{}]`,
			`[{"jsonrpc":"2.0","id":2,"result":null},{"jsonrpc":"2.0","id":null,"error":`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, got := post(t, address, tc.body)
			if status != http.StatusOK || !strings.Contains(got, tc.want) || !json.Valid([]byte(got)) {
				t.Errorf("%d %s\nwant %s", status, got, tc.want)
			}
		})
	}
	if status, got := post(t, address, `{"jsonrpc":"2.0","method":"bestBlock"}`); status != http.StatusNoContent || got != "" {
		t.Errorf("answer to a notification: %d %s", status, got)
	}
	if status, got := post(t, address, `{"jsonrpc":"2.0","id":1,"method":"bestBlock"}`); status != http.StatusOK || !strings.Contains(got, `"result":["`) {
		t.Errorf("%d %s", status, got)
	}
}

func testGuard(t *testing.T, address string) {
	const ask = `{"jsonrpc":"2.0","id":1,"method":"bestBlock"}`
	const submit = `{"jsonrpc":"2.0","id":1,"method":"submitPreimage","params":[0,"",""]}`
	for _, tc := range []struct {
		name   string
		header []string
		status int
	}{
		{"no origin", nil, http.StatusOK},
		{"other origin", []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"no page", []string{"Origin", "null"}, http.StatusForbidden},
		{"named origin", []string{"Origin", "https://good.example"}, http.StatusOK},
		{"own origin", []string{"Origin", "http://" + address}, http.StatusOK},
		{"own host, other port", []string{"Origin", "http://127.0.0.1:1"}, http.StatusForbidden},
		{"rebound name", []string{"Host", "evil.example"}, http.StatusForbidden},
		{"rebound name as origin", []string{"Host", "evil.example", "Origin", "http://evil.example"}, http.StatusForbidden},
		{"named host", []string{"Host", "node.example:19800"}, http.StatusOK},
		{"localhost", []string{"Host", "localhost:1"}, http.StatusOK},
		{"IPv6", []string{"Host", "[::1]:1"}, http.StatusOK},
		{"cross site", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"form", []string{"Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
	} {
		if status, body := post(t, address, ask, tc.header...); status != tc.status {
			t.Errorf("%s: %d %s, want %d", tc.name, status, body, tc.status)
		}
	}
	for _, tc := range []struct {
		name, want string
		header     []string
	}{
		{"here", `"code":-32602`, nil},
		{"by a proxy", `"code":-32002`, []string{"X-Forwarded-For", "192.0.2.1"}},
		{"by another name", `"code":-32002`, []string{"Host", "node.example"}},
	} {
		if _, body := post(t, address, submit, tc.header...); !strings.Contains(body, tc.want) {
			t.Errorf("submit %s: %s, want %s", tc.name, body, tc.want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+address+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://good.example")
	reply, err := quiet(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = reply.Body.Close()
	if reply.StatusCode != http.StatusNoContent || reply.Header.Get("Access-Control-Allow-Origin") != "https://good.example" {
		t.Errorf("preflight: %d %v", reply.StatusCode, reply.Header)
	}
}

func testSubmissions(t *testing.T, w *world, c *client.Client) {
	ctx := t.Context()
	code := func(err error) rpc.Code {
		if e, ok := errors.AsType[*rpc.Error](err); ok {
			return e.Code
		}
		return 0
	}
	genesis := w.spec.HeaderHash()
	if err := c.SubmitPreimage(ctx, service, []byte("nobody wants it"), genesis); code(err) != rpc.CodeRefused {
		t.Errorf("unwanted preimage: %v", err)
	}
	if err := c.SubmitPreimage(ctx, service, wanted, protocol.Hash{1}); code(err) != rpc.CodeRefused {
		t.Errorf("unknown anchor: %v", err)
	}
	told, err := c.SubscribeServicePreimage(ctx, service, blake2b.Sum256(wanted), false)
	if err != nil {
		t.Fatal(err)
	}
	if v := next(t, told); v.OK {
		t.Fatal("the preimage is there already")
	}
	if err := c.SubmitPreimage(ctx, service, wanted, genesis); err != nil {
		t.Fatal(err)
	}
	if v := next(t, told); !v.OK || string(v.Value) != string(wanted) {
		t.Errorf("preimage %q", v.Value)
	}
	if err := c.SubmitWorkPackage(ctx, 0, []byte{1}, nil); code(err) != rpc.CodeParams {
		t.Errorf("no package: %v", err)
	}
	if err := c.SubmitWorkPackage(ctx, 9, workPackage(w), nil); code(err) != rpc.CodeParams {
		t.Errorf("no core: %v", err)
	}
	if err := c.SubmitWorkPackage(ctx, 0, workPackage(w), [][]byte{{1}}); code(err) != rpc.CodeParams {
		t.Errorf("no such extrinsic: %v", err)
	}
	if err := c.SubmitWorkPackage(ctx, 0, workPackage(w), nil); code(err) != rpc.CodeUnavailable {
		t.Errorf("package without guarantors: %v", err)
	}
}

func testPages(t *testing.T, address string) {
	for path, want := range map[string]string{
		"/openrpc.json": `"openrpc":"1.3.2"`, "/docs": "<!doctype html>", "/status": `"finalized"`, "/health": `"ok":true`, "/ready": `"ok":`,
	} {
		reply, err := quiet(t).Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(reply.Body)
		_ = reply.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%s: %v, %d %.300s", path, err, reply.StatusCode, body)
		}
		if path == "/docs" && (strings.Contains(string(body), "http://") || strings.Contains(string(body), "https://")) {
			t.Error("the page refers to something outside")
		}
	}
}
