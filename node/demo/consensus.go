package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"damson/crypto/ed25519"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/finality"
	"damson/node/host"
	"damson/node/testnet"
	"damson/state"
)

// commits keeps the last justification of each node. Nodes tell it on their loops.
type commits struct {
	mu   sync.Mutex
	last map[int]*jamnp.Commit
}

func (c *commits) keep(i int) func(*jamnp.Commit) {
	return func(m *jamnp.Commit) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.last[i] = m
	}
}

func (c *commits) of(i int) *jamnp.Commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[i]
}

// consensus shows how blocks become final, and that nothing does when the network is cut in two.
func consensus(ctx context.Context, s *show) error {
	known := &commits{last: make(map[int]*jamnp.Commit)}
	w, err := s.startNetwork(ctx, s.slot(fastSlot), testnet.Partition, func(i int, o *host.Options) {
		o.Events.Finalized = known.keep(i)
		switch s.Fault { //nolint:exhaustive // those of other demos
		case VotesIgnored:
			o.Mistakes.Finality = finality.IgnoreVotes
		case TooFewVotes:
			o.Mistakes.Finality = finality.TooFewVotes
		}
	})
	if err != nil {
		return err
	}
	return errors.Join(w.tellConsensus(known), w.Stop())
}

func (w *world) tellConsensus(known *commits) error {
	if !w.rounds(known) {
		return nil
	}
	w.bestAndFinal()
	return w.healed(w.halves())
}

// rounds tells of a round of GRANDPA. It reports false if nothing becomes final.
func (w *world) rounds(known *commits) bool {
	w.show.step("Votes: two rounds of signatures make a block final", "GP §19",
		"the state root in a vote. A JAM validator votes for a block and for what came out of it: two thirds vouch for the execution.")
	var c *jamnp.Commit
	w.until(12, func() string { return "waiting for a justification; " + w.tips() }, func() bool {
		c = known.of(0)
		return c != nil && c.Target.Slot > w.First
	})
	if c == nil {
		round := read(w, func(n *node.Node) uint64 { return n.Voter.Round() })
		w.show.say("No block became final. The nodes are in rounds %v.", round)
		w.show.claim(false, "blocks become final", "%s after %d slots", w.tips(), w.now()-w.First)
		return false
	}
	var set *finality.Set
	w.on(0, func(n *node.Node) { set = n.Voter.Set() })
	good := 0
	rows := [][]string{{"precommit of", "for the block of slot", "with state root", "signature", "is"}}
	for i := range c.Precommits {
		b := &c.Precommits[i]
		verdict := "wrong"
		message := jamnp.VotePayload(c.Round, c.Set, jamnp.Precommit, &b.Ballot)
		if set.Index(b.Voter) >= 0 && ed25519.Verify(b.Voter, message, b.Signature) {
			verdict = "good"
			good++
		}
		rows = append(rows, []string{
			"validator " + fmt.Sprint(set.Index(b.Voter)), fmt.Sprint(b.Slot), short(b.StateRoot), fmt.Sprintf("%x…", b.Signature[:8]), verdict,
		})
	}
	w.show.say("Round %d of set %d: block %s of slot %d is final by these precommits. %d of %d are needed: more than two thirds.",
		c.Round, c.Set, short(c.Target.Header), c.Target.Slot, set.Threshold(), len(set.Voters))
	w.show.table(rows)
	w.show.claim(good > 2*len(w.hosts)/3, "a final block has good precommits of more than two thirds of the validators", "%d of %d", good, len(w.hosts))
	return true
}

// bestAndFinal tells how far the one is behind the other.
func (w *world) bestAndFinal() {
	w.show.step("Best is not final", "GP §19, §4.5",
		"the distance. The best block is what is built on now, and may be left again; the final one never.")
	w.pass(w.now()+2, func() string { return w.tips() })
	rows := [][]string{{"node", "best slot", "final slot", "round", "state root of the final block"}}
	for i := range w.hosts {
		w.on(i, func(n *node.Node) {
			t := tipOf(n)
			rows = append(rows, []string{fmt.Sprint(i), fmt.Sprint(t.best), fmt.Sprint(t.final), fmt.Sprint(n.Voter.Round()), short(t.finalRoot)})
		})
	}
	w.show.table(rows)
}

// schism is what was when the network was cut, and when it was joined again.
type schism struct {
	slot   protocol.Slot   // in which it was cut
	before []protocol.Hash // final then, by node
	healed time.Time
}

// sides gives two halves of the validators, in which as many as can be told have a turn in the next slots.
func (w *world) sides() (left, right []int) {
	seen := make([]bool, len(w.hosts))
	add := func(v int) {
		if v < 0 || v >= len(seen) || seen[v] {
			return
		}
		seen[v] = true
		if len(left) <= len(right) {
			left = append(left, v)
		} else {
			right = append(right, v)
		}
	}
	gamma, err := stateOf(w, 0, (*state.State).Safrole)
	active, bad := stateOf(w, 0, (*state.State).Active)
	_, phase := w.Params.Epoch(w.now())
	if err == nil && bad == nil && int(phase) < len(gamma.SealKeys.Keys) { // with tickets nobody knows
		for _, k := range gamma.SealKeys.Keys[phase+1:] {
			add(keyOf(active, k))
		}
	}
	for v := range seen {
		add(v)
	}
	slices.Sort(left)
	slices.Sort(right)
	return left, right
}

// since counts the blocks after a slot in the chain of a node.
func (w *world) since(i int, slot protocol.Slot) int {
	chain, err := w.chainOfNode(i)
	if err != nil {
		return 0
	}
	return count(chain, func(l link) bool { return l.Header.Slot > slot })
}

// halves cuts the network in two, until both halves have gone on.
func (w *world) halves() *schism {
	left, right := w.sides()
	w.show.step("The network is cut in two", "GP §19",
		"best and final. Both halves go on making blocks, each its own; three of six are not two thirds, so neither can make anything final.")
	x := &schism{slot: w.now()}
	x.before = read(w, func(n *node.Node) protocol.Hash { return n.Chain.Finalized().Hash })
	w.Split(right...)
	w.show.say("Since slot %d nodes %v do not hear nodes %v, nor these those: their packets are dropped.", x.slot, left, right)
	const least, most = 6, 10
	w.pass(x.slot+least, func() string { return "cut in two; " + w.tips() })
	w.until(most-least, func() string { return "cut in two; " + w.tips() }, func() bool {
		return w.since(left[0], x.slot) > 0 && w.since(right[0], x.slot) > 0
	})
	rows := [][]string{{"node", "side", "best slot", "best block", "final slot"}}
	tips := read(w, tipOf)
	for i, t := range tips {
		side := "left"
		if slices.Contains(right, i) {
			side = "right"
		}
		rows = append(rows, []string{fmt.Sprint(i), side, fmt.Sprint(t.best), short(t.bestHash), fmt.Sprint(t.final)})
	}
	w.show.table(rows)
	onLeft, onRight := w.since(left[0], x.slot), w.since(right[0], x.slot)
	w.show.claim(onLeft > 0 && onRight > 0 && tips[left[0]].bestHash != tips[right[0]].bestHash, "cut in two, both halves go on, on different forks",
		"%s on the left, %d on the right", plural(onLeft, "block", "blocks"), onRight)
	x.healed = time.Now()
	w.Heal()
	return x
}

// healed joins the halves, and judges.
func (w *world) healed(x *schism) error {
	w.show.step("The halves find together", "GP §19, §6.4",
		"the fork that goes. All choose the same best chain, by the same rule; then votes make it final, and with it all blocks of the cut.")
	joined := w.now()
	stands := func() string { return "joined again; " + w.tips() }
	w.until(25, stands, func() bool {
		tips := read(w, tipOf)
		for _, t := range tips {
			if t.final <= joined {
				return false
			}
		}
		return true
	})
	chains, err := w.chains()
	if err != nil {
		return err
	}
	rows := [][]string{{"node", "best slot", "final slot", "reorganizations", "forks it has seen", "state root of the final block"}}
	for i := range w.hosts {
		w.on(i, func(n *node.Node) {
			t, s := tipOf(n), n.Status()
			rows = append(rows, []string{
				fmt.Sprint(i), fmt.Sprint(t.best), fmt.Sprint(t.final), fmt.Sprint(s.Reorgs), fmt.Sprint(int(s.Imported) - len(chains[i])), short(t.finalRoot),
			})
		})
	}
	w.show.table(rows)
	w.judgeConsensus(x, joined, chains)
	return nil
}

func (w *world) judgeConsensus(x *schism, joined protocol.Slot, chains [][]link) {
	early := ""
	for i, h := range w.hosts {
		report, ok := h.Report(0)
		if !ok {
			continue
		}
		for _, e := range report.Events {
			if e.Kind == host.Finalized && e.Slot > x.slot && e.Time < x.healed.UnixMilli() && early == "" {
				early = fmt.Sprintf("node %d made block %s of slot %d final, which only half of the network had", i, short(protocol.Hash(e.Hash)), e.Slot)
			}
		}
	}
	found := early
	if early == "" {
		found = fmt.Sprintf("no node made a block after slot %d final before the halves were joined", x.slot)
	}
	w.show.claim(early == "", "while the network is cut, nothing becomes final", "%s", found)
	w.show.claim(w.lowestFinal() > joined, "once it is joined, finality goes on", "joined in slot %d; %s", joined, w.tips())
	kept := 0
	for i, list := range chains {
		if x.before[i] == w.Spec.HeaderHash() || slices.ContainsFunc(list, func(l link) bool { return l.hash == x.before[i] }) {
			kept++
		}
	}
	w.show.claim(kept == len(w.hosts), "what was final before is in the chain of every node", "%d of %d nodes", kept, len(w.hosts))
	w.agree()
}
