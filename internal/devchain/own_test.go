package devchain_test

import (
	"errors"
	"testing"

	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
	"damson/node/importer"
	"damson/state"
)

// author authors the chain that the binary carries.
func author(t testing.TB) *devchain.Chain {
	t.Helper()
	c, err := devchain.Own(interp.New())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestImport imports the chain: on every engine, on one processor and on several, with caches that grow along the
// chain and with none. All must come to the same states, refuse what is to be refused for the right reason, and leave
// the state before as it was.
func TestImport(t *testing.T) {
	c := author(t)
	for _, kind := range []engine.Kind{engine.Interp, engine.JIT, engine.Verify} {
		e, why, err := engine.New(kind, jit.Options{})
		if err != nil || why != nil {
			t.Logf("no engine %s here: %v %v", kind, err, why)
			continue
		}
		t.Run("engine="+string(kind), func(t *testing.T) { warm(t, c, e) })
		t.Run("cold/engine="+string(kind), func(t *testing.T) { cold(t, c, e) })
	}
	for name, workers := range map[string]int{"serial": 1, "parallel": 8} {
		t.Run(name, func(t *testing.T) {
			b := devchain.New(devchain.Options{Params: c.Params, Engine: interp.New(), Workers: workers})
			follow(t, c, func(prior *devchain.Tip, octets []byte) (*devchain.Tip, error) { return b.Apply(prior, octets) })
		})
	}
}

func warm(t *testing.T, c *devchain.Chain, e pvm.Engine) {
	im := newImporter(t, c, e)
	follow(t, c, func(prior *devchain.Tip, octets []byte) (*devchain.Tip, error) { return apply(c, im, prior, octets) })
}

// cold has neither caches nor decoded components: every block meets a new importer and a state made of its entries.
func cold(t *testing.T, c *devchain.Chain, e pvm.Engine) {
	follow(t, c, func(prior *devchain.Tip, octets []byte) (*devchain.Tip, error) {
		fresh := *prior
		empty := state.New(c.Params, nil)
		fresh.State = state.New(c.Params, empty.Diff(prior.State))
		return apply(c, newImporter(t, c, e), &fresh, octets)
	})
}

func newImporter(t *testing.T, c *devchain.Chain, e pvm.Engine) *importer.Importer {
	im, err := importer.New(importer.Options{Params: c.Params, Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func apply(c *devchain.Chain, im *importer.Importer, prior *devchain.Tip, octets []byte) (*devchain.Tip, error) {
	var v block.View
	if err := v.Decode(octets, c.Params); err != nil {
		return nil, err
	}
	post, err := im.Apply(prior.State, &v)
	return &devchain.Tip{Header: v.HeaderHash(), State: post}, err
}

// follow applies every step and checks what comes of it.
func follow(t *testing.T, c *devchain.Chain, apply func(*devchain.Tip, []byte) (*devchain.Tip, error)) {
	t.Helper()
	tip := &devchain.Tip{Header: c.Header.Hash(), State: c.Genesis}
	for i := range c.Steps {
		s := &c.Steps[i]
		before := tip.State.Root()
		post, err := apply(tip, s.Block)
		if s.Refusal != "" {
			if !errors.Is(err, s.Refusal) {
				t.Errorf("%s: %v, want %v", s.Name, err, s.Refusal)
			}
			if tip.State.Root() != before || len(tip.State.Diff(s.Prior)) > 0 {
				t.Errorf("%s: a refused block left a trace", s.Name)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		if post.State.Root() != s.Post.Root() {
			t.Fatalf("%s: root %s, want %s", s.Name, post.State.Root(), s.Post.Root())
		}
		tip = post
	}
}

// TestStory checks that what the chain is there for does happen in it.
func TestStory(t *testing.T) {
	c := author(t)
	after := make(map[string]*state.State)
	var epochs []uint32
	for i := range c.Steps {
		after[c.Steps[i].Name] = c.Steps[i].Post
		if epoch, _ := c.Params.Epoch(c.Steps[i].Slot); len(epochs) == 0 || epoch != epochs[len(epochs)-1] {
			epochs = append(epochs, epoch)
		}
	}
	if len(epochs) < 3 {
		t.Errorf("epochs %v", epochs)
	}
	last := c.Steps[len(c.Steps)-1].Post
	stored := func(s *state.State, key string) string {
		value, _ := s.Get(state.StorageKey(1, []byte(key)))
		return string(value)
	}
	if stored(after["003"], "greeting") != "hello" || stored(after["005"], "greeting") != "" || stored(last, "order") != "second" {
		t.Error("storage is not written and removed")
	}
	if stored(last, "never") != "" || stored(last, "judged") != "good" || stored(last, "epoch") != "3" {
		t.Error("a report that never became available, or is bad, was accumulated, or a good one was not")
	}
	balance := func(s *state.State, id protocol.ServiceID) protocol.Balance {
		a, _, err := s.Account(id)
		if err != nil {
			t.Fatal(err)
		}
		return a.Balance
	}
	if got := balance(after["005"], 2) - balance(after["004"], 2); got != 12_345 {
		t.Errorf("%d were transferred", got)
	}
	if d, err := last.Disputes(); err != nil || len(d.Good) != 1 || len(d.Bad) != 1 || len(d.Offenders) != 3 {
		t.Errorf("disputes %+v, %v", d, err)
	}
	ready, err := after["012"].Ready()
	if err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for _, slot := range ready {
		waiting += len(slot)
	}
	if waiting != 1 {
		t.Errorf("%d reports wait for others", waiting)
	}
}

// TestDevelopmentKeys holds the keys against those that JIP-5 gives.
func TestDevelopmentKeys(t *testing.T) {
	v := devchain.Validators(6)
	if got := protocol.Hash(v[0].Keys.Ed25519).String(); got != "0x4418fb8c85bb3985394a8c2756d3643457ce614546202a2f50b093d762499ace" {
		t.Errorf("Ed25519 key 0 is %s", got)
	}
	if got := protocol.Hash(v[5].Keys.Bandersnatch).String(); got != "0x2105650944fcd101621fd5bb3124c9fd191d114b7ad936c1d79d734f9f21392e" {
		t.Errorf("Bandersnatch key 5 is %s", got)
	}
}

func TestUnknownParent(t *testing.T) {
	c := author(t)
	chain := importer.NewChain(newImporter(t, c, interp.New()))
	if _, err := chain.Import(c.Steps[0].Block); !errors.Is(err, importer.ErrUnknownParent) {
		t.Errorf("%v, want %v", err, importer.ErrUnknownParent)
	}
}
