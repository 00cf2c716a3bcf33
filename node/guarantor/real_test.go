package guarantor_test

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"damson/crypto/ed25519"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/net/jamnp"
	"damson/net/quic"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/guarantor"
	"damson/node/host"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/roster"
	"damson/node/srsfile"
	"damson/state"
)

// live is a network of all validators on this machine, with sockets and clocks, and a builder.
type live struct {
	*testing.T
	params  *protocol.Params
	slots   loop.Slots
	hosts   []*host.Host
	builder *quic.Network
	loop    *loop.Real
}

func newLive(t *testing.T) *live {
	p := protocol.Tiny()
	r := &live{T: t, params: p, loop: loop.New(loop.Options{})}
	recipe := &chainspec.Recipe{ID: t.Name(), Params: p, SRS: srsfile.DevInsecure}
	var secrets []*keys.Validator
	var sockets []net.PacketConn
	var addresses []netip.AddrPort
	for i := range p.Validators {
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		r.must(err)
		sockets, addresses = append(sockets, socket), append(addresses, socket.LocalAddr().(*net.UDPAddr).AddrPort())
		secrets = append(secrets, keys.Trivial(uint32(i)).Derive())
		recipe.Validators = append(recipe.Validators, secrets[i].Public(addresses[i]))
	}
	spec, err := chainspec.Generate(recipe)
	r.must(err)
	setup, err := spec.Setup(srsfile.Options{})
	r.must(err)
	r.slots = loop.Slots{Era: time.Now().Add(time.Second), Duration: 2 * time.Second}
	for i := range secrets {
		h, err := host.Start(context.Background(), host.Options{
			Spec: spec, Setup: setup, Engine: interp.New(), Slots: r.slots, Keys: secrets[i : i+1], Conn: sockets[i],
		})
		r.must(err)
		t.Cleanup(func() { r.must(h.Stop()) })
		r.hosts = append(r.hosts, h)
	}
	go func() { _ = r.loop.Run(context.Background()) }()
	t.Cleanup(r.loop.Stop)
	var seed [32]byte
	_, err = crand.Read(seed[:])
	r.must(err)
	r.do(func() {
		r.builder, err = quic.New(quic.Options{
			Key: ed25519.NewPrivateKey(seed).TLS(), Genesis: spec.HeaderHash(), Handler: new(builder), Loop: r.loop, AsBuilder: true, Eager: true,
		})
		r.must(err)
		for i := range secrets {
			r.builder.Connect(secrets[i].Ed25519.Public(), addresses[i])
		}
	})
	t.Cleanup(func() {
		r.do(func() { r.must(r.builder.Close()) })
		r.builder.Wait()
	})
	return r
}

func (r *live) must(err error) {
	if err != nil {
		r.Helper()
		r.Error(err)
	}
}

// do does something on the builder's loop.
func (r *live) do(do func()) {
	done := make(chan struct{})
	r.loop.Post(func() {
		defer close(done)
		do()
	})
	<-done
}

// send sends a package for each core that stores a value.
func (r *live) send(key string) {
	r.hosts[0].Do(func(n *node.Node) {
		best := n.Chain.Best()
		recent, err := best.State.Recent()
		r.must(err)
		duties, err := roster.At(r.params, best.State, r.slots.At(time.Now()))
		r.must(err)
		for core := range protocol.Core(r.params.Cores) {
			item := set(fmt.Sprintf("%s/%d", key, core), "v")
			item.Service, item.CodeHash, item.RefineGas, item.AccumulateGas = 0, services.Store().Hash, 1_000_000, 100_000
			b := bundle.New(&block.WorkPackage{
				AuthCodeHash: services.Anyone().Hash, AuthToken: codec.AppendU16(nil, uint16(core)), Items: []block.WorkItem{item},
				Context: block.RefinementContext{
					Anchor: best.Hash, AnchorStateRoot: best.StateRoot, AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
					LookupAnchor: best.Hash, LookupAnchorSlot: best.Slot,
				},
			})
			r.loop.Post(func() {
				guarantor.Submit(r.builder, rand.New(rand.NewPCG(1, 2)), duties, core, b, nil, time.Second, func(_ jamnp.PeerID, err error) {
					if err != nil {
						r.Logf("%s, core %d: %v", key, core, err)
					}
				})
			})
		}
	})
}

// Real nodes do the work too.
func TestReal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes twenty seconds of real time")
	}
	r := newLive(t)
	time.Sleep(time.Until(r.slots.Start(3).Add(200 * time.Millisecond)))
	const slots = 3
	for s := range slots {
		r.send(fmt.Sprint(s))
		time.Sleep(r.slots.Duration)
	}
	time.Sleep(3 * r.slots.Duration)
	done := 0
	r.hosts[5].Do(func(n *node.Node) {
		for s := range slots {
			for core := range r.params.Cores {
				if value, _ := n.Chain.Best().State.Get(state.StorageKey(0, fmt.Appendf(nil, "%d/%d", s, core))); string(value) == "v" {
					done++
				} else {
					t.Logf("lost: slot %d, core %d", s, core)
				}
			}
		}
	})
	for i, h := range r.hosts {
		h.Do(func(n *node.Node) {
			s := n.Status()
			t.Logf("node %d: best %d, final %d: %+v", i, s.Best.Slot, s.Finalized.Slot, s.Work)
		})
	}
	if all := slots * r.params.Cores; done < all-1 {
		t.Errorf("%d of %d packages accumulated", done, all)
	}
}
