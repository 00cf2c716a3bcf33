package quic

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"damson/net/jamnp"
)

// TestMesh has six nodes that all ask for each other, as validators do, talk, lose each other, and end in the middle of it.
func TestMesh(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	const count = 6
	var nodes mesh
	var heard atomic.Int32
	for i := range count {
		nodes = append(nodes, start(t, 200+i, quiet, func(n *node, o *Options) {
			o.Eager, o.Patience = i%2 == 0, 50*time.Millisecond // some break the rule
			n.heard = func(jamnp.PeerID, []byte) { heard.Add(1) }
		}))
	}
	nodes.connect()
	nodes.awaitWhole(t)
	for _, a := range nodes {
		a.loop.call(func() {
			for _, p := range a.Peers() {
				if !a.Send(p.ID, 0, []byte("block")) {
					t.Error("not sent")
				}
			}
		})
	}
	for deadline := time.Now().Add(10 * time.Second); heard.Load() < count*(count-1); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d announcements", heard.Load())
		}
	}
	nodes.talk(t)
	nodes.connect()
	nodes.awaitWhole(t)
	for i := range 50 { // which nobody waits for
		a, b := nodes[i%count], nodes[(i+1)%count]
		a.loop.Post(func() {
			a.Request(b.self, 128, [][]byte{fmt.Append(nil, i)}, 10, time.Minute, func([][]byte, error) {})
		})
	}
	for _, n := range nodes {
		n.end()
	}
	goleak.VerifyNone(t, leaks)
}

type mesh []*node

func (nodes mesh) connect() {
	for _, a := range nodes {
		for _, b := range nodes {
			a.connect(b)
		}
	}
}

// awaitWhole waits until all are connected with all, once, and have UP streams.
func (nodes mesh) awaitWhole(t *testing.T) {
	t.Helper()
	connections := len(nodes) * (len(nodes) - 1) / 2
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		initiators, opened := 0, 0
		for _, a := range nodes {
			a.loop.call(func() {
				for _, p := range a.Peers() {
					if p.Initiator {
						initiators++
					}
					if up := a.peers[p.ID].up[0]; up != nil && up.greeted {
						opened++
					}
				}
			})
		}
		if initiators == connections && opened == 2*connections {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not whole: %d connections, %d ends of UP streams", initiators, opened)
		}
	}
}

// talk has all do everything with all.
func (nodes mesh) talk(t *testing.T) {
	var talking sync.WaitGroup
	var answered atomic.Int32
	for i, a := range nodes {
		talking.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for range 60 {
				b := nodes[rng.IntN(len(nodes))]
				switch rng.IntN(8) {
				case 0:
					a.loop.call(func() { a.Disconnect(b.self) })
				case 1, 2:
					a.connect(b)
				case 3:
					a.loop.call(func() { a.Send(b.self, 0, make([]byte, rng.IntN(5000))) })
				default:
					_, err := a.ask(b.self, 128, 1<<20, 20*time.Second, make([]byte, rng.IntN(50_000)))
					if err == nil {
						answered.Add(1)
					} else if !errors.Is(err, jamnp.ErrNotConnected) && !errors.Is(err, jamnp.ErrReset) && !errors.Is(err, jamnp.ErrClosed) {
						t.Error(err)
					}
				}
			}
		})
	}
	talking.Wait()
	if answered.Load() == 0 {
		t.Error("no request was answered")
	}
}
