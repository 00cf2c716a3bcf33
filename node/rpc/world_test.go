package rpc_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/jit"
	"damson/node"
	"damson/node/chain"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/rpc"
	"damson/node/rpc/client"
	"damson/node/srsfile"
	"damson/state"
	"damson/state/trie"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// What service 0 has in the genesis of test chains, besides its code.
var (
	storedKey, storedValue = []byte("key"), []byte("value")
	preimage               = []byte("a preimage")
	wanted                 = []byte("a preimage that is asked for")
	service                = protocol.ServiceID(0)
)

// world is a network of nodes on this machine.
type world struct {
	spec  *chainspec.Spec
	hosts []*host.Host
}

// newWorld starts validators of a tiny chain: as many nodes as it has, or one that has all keys.
func newWorld(t *testing.T, nodes int, slot time.Duration) *world {
	t.Helper()
	p := protocol.Tiny()
	recipe := chainspec.Recipe{ID: "rpc", Params: p, SRS: srsfile.DevInsecure}
	var all []*keys.Validator
	var sockets []net.PacketConn
	for i := range p.Validators {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		v := keys.Trivial(uint32(i)).Derive()
		all, sockets = append(all, v), append(sockets, socket)
		recipe.Validators = append(recipe.Validators, v.Public(socket.LocalAddr().(*net.UDPAddr).AddrPort()))
	}
	spec, err := chainspec.Generate(&recipe)
	if err != nil {
		t.Fatal(err)
	}
	spec.State = withService(spec.State)
	setup, err := spec.Setup(srsfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run, _, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{spec: spec}
	slots := loop.Slots{Era: time.Now().Add(time.Second - slot).Truncate(time.Millisecond), Duration: slot}
	var proving sync.Mutex
	each := p.Validators / nodes
	for i := range nodes {
		for _, unused := range sockets[i*each+1 : (i+1)*each] {
			_ = unused.Close()
		}
		h, err := host.Start(t.Context(), host.Options{
			Spec: spec, Setup: setup, Engine: run, Slots: slots, Keys: all[i*each : (i+1)*each], Conn: sockets[i*each], Proving: &proving,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.hosts = append(w.hosts, h)
		t.Cleanup(func() {
			if err := h.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	return w
}

// withService gives service 0 something to be asked for.
func withService(entries []trie.Change) []trie.Change {
	had, wants := blake2b.Sum256(preimage), blake2b.Sum256(wanted)
	entries = append(slices.Clone(entries),
		trie.Change{Key: state.StorageKey(service, storedKey), Value: storedValue},
		trie.Change{Key: state.PreimageKey(service, had), Value: preimage},
		trie.Change{Key: state.RequestKey(service, had, uint32(len(preimage))), Value: state.AppendRequest(nil, []protocol.Slot{0})},
		trie.Change{Key: state.RequestKey(service, wants, uint32(len(wanted))), Value: state.AppendRequest(nil, nil)},
	)
	slices.SortFunc(entries, trie.Compare)
	return entries
}

// serve starts a server for the first node and gives where it is, as host and port.
func (w *world) serve(t *testing.T, o rpc.Options) string {
	t.Helper()
	_, address := w.server(t, o)
	return address
}

func (w *world) server(t *testing.T, o rpc.Options) (*rpc.Server, string) {
	t.Helper()
	o.Node = w.hosts[0]
	s, err := rpc.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := rpc.Listen("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, l.Address.String()
}

func dial(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// wait waits until the best block of the first node is what it should be.
func (w *world) wait(t *testing.T, what string, ok func(*node.Node) bool) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(20 * time.Millisecond) {
		done := false
		w.hosts[0].Do(func(n *node.Node) { done = ok(n) })
		if done {
			return
		}
	}
	t.Fatalf("not in a minute: %s", what)
}

// finalize makes the best block final by hand, where a single node has all keys but one vote.
func (w *world) finalize(t *testing.T) (b *chain.Block) {
	t.Helper()
	var err error
	w.hosts[0].Do(func(n *node.Node) {
		b = n.Chain.Best()
		err = n.Chain.Finalize(b)
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quiet ends what a client of the standard library keeps open.
func quiet(t *testing.T) *http.Client {
	c := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// post sends octets and gives the status and what came back.
func post(t *testing.T, address, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+address+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	reply, err := quiet(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close() //nolint:errcheck // what is wrong with it ReadFrom says
	var b bytes.Buffer
	if _, err := b.ReadFrom(reply.Body); err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, b.String()
}
