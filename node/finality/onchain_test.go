package finality

import (
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/net/jamnp"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/loop"
	"damson/node/loop/looptest"
	"damson/state"
	"damson/state/store"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// direct is a network of voters on one loop, in which nothing takes time.
type direct struct {
	jamnp.Network
	t      *testing.T
	self   protocol.Ed25519Key
	loop   loop.Loop
	voters map[protocol.Ed25519Key]*Voter
}

func (d *direct) Peers() (peers []jamnp.Peer) {
	for id := range d.voters {
		if id != d.self {
			peers = append(peers, jamnp.Peer{ID: id})
		}
	}
	return peers
}

func (d *direct) Blame(_ jamnp.PeerID, _ int, reason error) { d.t.Error(reason) }

func (d *direct) Request(id jamnp.PeerID, kind jamnp.Kind, messages [][]byte, _ int, _ time.Duration, done func([][]byte, error)) {
	d.loop.Post(func() {
		x := &directExchange{d.self, kind, messages, func(answer [][]byte) { d.loop.Post(func() { done(answer, nil) }) }}
		if v := d.voters[id]; v == nil || !v.Serve(x) {
			done(nil, jamnp.ErrReset)
		}
	})
}

type directExchange struct {
	peer     jamnp.PeerID
	kind     jamnp.Kind
	messages [][]byte
	done     func([][]byte)
}

func (x *directExchange) Peer() jamnp.PeerID { return x.peer }
func (x *directExchange) Kind() jamnp.Kind   { return x.kind }
func (x *directExchange) Next(_ int, then func([]byte, error)) {
	if len(x.messages) == 0 {
		then(nil, io.EOF)
		return
	}
	m := x.messages[0]
	x.messages = x.messages[1:]
	then(m, nil)
}
func (x *directExchange) Answer(messages ...[]byte) { x.done(messages) }
func (x *directExchange) Reject(error)              {}

// named gives each voter notes of its own in one store.
type named struct {
	*store.Store
	name string
}

func (n named) SetNote(name string, value []byte) error { return n.Store.SetNote(n.name+name, value) }
func (n named) Note(name string) ([]byte, bool, error)  { return n.Store.Note(n.name + name) }

// TestOnChain: six voters finalize the blocks of a real chain over a change of epoch, and its headers prove it to others.
func TestOnChain(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := protocol.Tiny()
	builder := devchain.New(devchain.Options{Params: p, Engine: interp.New()})
	header, tip, err := builder.Start(&devchain.Genesis{
		Params: p, Validators: builder.Validators(), Seed: t.Name(), AuthorizerHost: 1, Configurations: []string{"any"},
		Services: []devchain.Account{{
			ID: 1, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob},
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	})
	must(err)
	genesis := tip.State
	im, err := importer.New(importer.Options{Params: p, Engine: interp.New()})
	must(err)
	db, err := store.Open("db", store.Options{Params: p, FS: vfs.NewMem()})
	must(err)
	t.Cleanup(func() { must(db.Close()) })
	must(chain.Start(db, header, genesis))
	slots := loop.Slots{Era: loop.CommonEra, Duration: 6 * time.Second}
	l := looptest.New(slots.Start(20))
	c, err := chain.New(chain.Options{Params: p, Importer: im, Loop: l, Slots: slots, Store: db})
	must(err)

	voters := make(map[protocol.Ed25519Key]*Voter)
	for i, secrets := range devchain.Validators(p.Validators) {
		public := protocol.Ed25519Key(secrets.Ed25519.Public())
		voters[public], err = New(Options{
			Params: p, Chain: OnChain(c), Notes: named{db, string(rune('a' + i))}, Loop: l, Slots: slots, Rand: rand.New(rand.NewPCG(1, uint64(i))),
			Network: &direct{t: t, self: public, loop: l, voters: voters},
			Key:     &Key{public, func(m []byte) protocol.Ed25519Signature { return secrets.Ed25519.Sign(m) }},
		})
		must(err)
	}
	for _, v := range voters {
		v.Start()
	}
	for slot := protocol.Slot(20); slot < 28; slot++ {
		d, err := builder.Draft(tip, slot)
		must(err)
		octets, err := d.Seal()
		must(err)
		tip, err = builder.Apply(tip, octets)
		must(err)
		c.Import(octets, func(_ *chain.Block, err error) { must(err) })
		l.Advance(6 * time.Second)
	}
	if got := c.Finalized(); got.Slot < 27 {
		t.Fatalf("slot %d is final", got.Slot)
	}

	active, err := genesis.Active()
	must(err)
	safrole, err := genesis.Safrole()
	must(err)
	proof := WarpProof{Params: p, Set: NewSet(0, active.Ed25519Keys()), Next: safrole.Pending.Ed25519Keys()}
	ids := slices.Collect(maps.Keys(voters))
	voters[ids[0]].AskWarp(ids[1], 0, func(steps jamnp.WarpSteps, err error) {
		must(err)
		for i := range steps {
			must(proof.Advance(&steps[i]))
		}
	})
	l.Run()
	if proof.Header == nil || proof.Header.Hash() != c.Finalized().Hash || proof.Target.StateRoot != c.Finalized().StateRoot || proof.Set.ID != 2 {
		t.Errorf("proven: %+v of set %d", proof.Target, proof.Set.ID)
	}
}
