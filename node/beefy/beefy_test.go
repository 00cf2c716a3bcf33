package beefy

import (
	"errors"
	"testing"
	"time"

	"damson/crypto/bls"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/chain"
	"damson/node/loop/looptest"
	"damson/state"
)

// tree is a chain whose events the test makes.
type tree struct{ events chain.Events }

func (x *tree) Watch(e chain.Events) { x.events = e }

func secret(i int) Secret { return Secret{bls.NewKey([32]byte{byte(i + 1)})} }

// world is a block and who sees it become final; without keys all of them are zero.
func world(t *testing.T, keys bool) *chain.Block {
	t.Helper()
	p := protocol.Tiny()
	g := &devchain.Genesis{
		Params: p, Seed: "beefy", Configurations: []string{""}, Validators: make(state.Validators, p.Validators),
		Services:   []devchain.Account{{Code: services.Store(), Balance: 1 << 40}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	}
	for i := range g.Validators {
		if keys && i > 0 { // one has none
			g.Validators[i].BLS = secret(i).Public()
		}
	}
	sigma, err := g.State(func([]protocol.BandersnatchKey) (protocol.RingRoot, error) { return protocol.RingRoot{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	return &chain.Block{Hash: protocol.Hash{1}, Parent: protocol.Hash{9}, Slot: 1, State: sigma}
}

func TestCommitment(t *testing.T) {
	l := looptest.New(time.Unix(0, 0))
	x := world(t, true)
	var nodes []*Beefy
	var trees []*tree
	var votes []*Vote
	var commitments []*Commitment
	for i := range 6 {
		c := new(tree)
		nodes = append(nodes, New(Options{
			Chain: c, Loop: l, Scheme: Reading{}, Signer: secret(i),
			Publish:   func(v *Vote) { votes = append(votes, v) },
			Committed: func(c *Commitment) { commitments = append(commitments, c) },
		}))
		trees = append(trees, c)
	}
	for _, c := range trees {
		c.events.Imported(x)
		c.events.Finalized(x)
	}
	l.Advance(time.Second)
	if len(votes) != 5 || len(commitments) != 0 {
		t.Fatalf("%d votes, %d commitments", len(votes), len(commitments))
	}
	take := func(v *Vote) (err error) {
		nodes[0].Take(v, func(e error) { err = e })
		l.Advance(time.Second)
		return err
	}
	forged := *votes[0]
	forged.Validator = 2
	if err := take(&forged); !errors.Is(err, ErrForged) {
		t.Errorf("a forged vote: %v", err)
	}
	for _, v := range []protocol.Validator{0, 6} {
		strange := *votes[0]
		strange.Validator = v
		if err := take(&strange); !errors.Is(err, ErrVoter) {
			t.Errorf("a vote of validator %d, who has no key: %v", v, err)
		}
	}
	if err := take(&Vote{Block: protocol.Hash{7}}); !errors.Is(err, ErrUnknown) {
		t.Errorf("a vote for a strange block: %v", err)
	}
	for _, v := range votes {
		if err := take(v); err != nil {
			t.Error(err)
		}
	}
	if len(commitments) != 1 {
		t.Fatalf("%d commitments", len(commitments))
	}
	c := commitments[0]
	var keys []protocol.BLSKey
	for _, i := range c.Signers {
		keys = append(keys, secret(int(i)).Public())
	}
	if len(keys) != 5 || !(Reading{}).VerifyAggregate(keys, Message(c.SuperPeak), c.Aggregate) {
		t.Errorf("signers %v, a wrong aggregate", c.Signers)
	}
	if (Reading{}).VerifyAggregate(keys[1:], Message(c.SuperPeak), c.Aggregate) {
		t.Error("an aggregate of fewer is taken")
	}
}

// Without keys nothing is signed or taken.
func TestOff(t *testing.T) {
	l := looptest.New(time.Unix(0, 0))
	c := new(tree)
	b := New(Options{Chain: c, Loop: l, Scheme: Reading{}, Signer: secret(0), Publish: func(*Vote) { t.Error("signed") }})
	x := world(t, false)
	c.events.Imported(x)
	c.events.Finalized(x)
	l.Advance(time.Second)
	b.Take(&Vote{Block: x.Hash}, func(err error) {
		if !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}
