package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/auditor"
	"damson/node/builder"
	"damson/node/chain"
	"damson/node/host"
	"damson/node/testnet"
	"damson/state"
)

// heard is what auditors have told. Nodes tell it on their loops.
type heard struct {
	mu        sync.Mutex
	announced map[protocol.Hash]map[uint8][]int // by report and tranche
	judged    map[protocol.Hash]map[bool][]int  // by report
	condemned map[protocol.Hash][]int           // by block
	slots     map[protocol.Hash]protocol.Slot   // of these blocks
}

func newHeard() *heard {
	return &heard{
		announced: make(map[protocol.Hash]map[uint8][]int), judged: make(map[protocol.Hash]map[bool][]int),
		condemned: make(map[protocol.Hash][]int), slots: make(map[protocol.Hash]protocol.Slot),
	}
}

// of gives what is told of an auditor.
func (h *heard) of(i int) auditor.Events {
	return auditor.Events{
		Announced: func(_ protocol.Hash, tranche uint8, list []jamnp.AuditedReport) {
			h.mu.Lock()
			defer h.mu.Unlock()
			for _, r := range list {
				if h.announced[r.Report] == nil {
					h.announced[r.Report] = make(map[uint8][]int)
				}
				h.announced[r.Report][tranche] = append(h.announced[r.Report][tranche], i)
			}
		},
		Judged: func(report protocol.Hash, valid bool) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.judged[report] == nil {
				h.judged[report] = make(map[bool][]int)
			}
			h.judged[report][valid] = append(h.judged[report][valid], i)
		},
		Condemned: func(b *chain.Block) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.condemned[b.Hash] = append(h.condemned[b.Hash], i)
			h.slots[b.Hash] = b.Slot
		},
	}
}

func (h *heard) judges(report protocol.Hash, valid bool) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Clone(h.judged[report][valid])
	slices.Sort(list)
	return list
}

// tranches tells who announced a report in which tranche.
func (h *heard) tranches(report protocol.Hash) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var text []string
	for tranche := range uint8(8) {
		if list := slices.Clone(h.announced[report][tranche]); len(list) > 0 {
			slices.Sort(list)
			text = append(text, fmt.Sprintf("tranche %d: validators %v", tranche, list))
		}
	}
	if len(text) == 0 {
		return "nobody"
	}
	return strings.Join(text, "; ")
}

// auditing shows the audit of a good report and of a bad one.
func auditing(ctx context.Context, s *show) error {
	said := newHeard()
	w, err := s.startNetwork(ctx, s.slot(fastSlot), testnet.NoScenario, func(i int, o *host.Options) {
		o.Events.Audits = said.of(i)
		if s.Fault == NobodyLooks {
			o.Mistakes.Auditor = auditor.JudgeUnseen
		}
	})
	if err != nil {
		return err
	}
	c, err := w.client()
	if err == nil {
		x := &trial{client: c, said: said}
		err = x.tell()
	}
	if c != nil {
		err = errors.Join(err, c.host.Stop())
	}
	return errors.Join(err, w.Stop())
}

// trial is a good report and a bad one.
type trial struct {
	*client
	said *heard

	liars     []protocol.Validator
	guarantee *block.Guarantee // of the bad report
	report    protocol.Hash
	in        link            // the block in which it was reported
	bad       []protocol.Hash // blocks that were condemned
}

func (x *trial) tell() error {
	if ok, err := x.good(); !ok || err != nil {
		return err
	}
	if err := x.lie(); err != nil {
		return err
	}
	if x.guarantee == nil {
		x.show.claim(false, "two guarantors can put a wrong report on chain", "no block has it")
		return nil
	}
	x.caught()
	x.abandoned()
	return x.judge()
}

// order makes a package that stores something, and hands it to a guarantor.
func (x *trial) order(token uint64, key string, to protocol.Validator) (*bundle.Bundle, error) {
	var c services.Commands
	c.Set(key, "done")
	b, err := x.draft(token, builder.Item{Service: services.StoreID, Payload: c.Payload(), AccumulateGas: 100_000})
	if err != nil {
		return nil, err
	}
	return b, x.give(b, demoCore, to)
}

// good has a good report audited. It is false if that does not happen.
func (x *trial) good() (bool, error) {
	x.show.step("A good report is audited", "GP §17.3",
		"who audits. Everybody draws reports by a VRF on the block, and proves what he drew; here there are two cores, so everybody draws all.")
	x.early()
	duties, err := x.duties()
	if err != nil {
		return false, err
	}
	group := duties.Now().Group(demoCore)
	b, err := x.order(1, "good", group[0])
	if err != nil {
		return false, err
	}
	hash := b.Package.Hash()
	var g *block.Guarantee
	var in link
	x.until(14, func() string { return "waiting for the report in a block; " + x.tips() }, func() bool {
		g, in, err = x.reported(0, hash)
		return g != nil || err != nil
	})
	if g == nil || err != nil {
		x.show.claim(false, "good work is guaranteed", "no block has its report")
		return false, err
	}
	report := g.Report.Hash()
	x.show.say("Package %s, guaranteed by validators %v of core %d: report %s in the block of slot %d.", short(hash), signers(g), demoCore,
		short(report), in.Header.Slot)
	final := func() []bool {
		return read(x.world, func(n *node.Node) bool { return isAccumulated(n.Chain.Finalized().State, hash) })
	}
	all := func(b bool) bool { return b }
	x.until(12, func() string {
		return fmt.Sprintf("judged valid by %v, invalid by %v; %s", x.said.judges(report, true), x.said.judges(report, false), x.tips())
	}, func() bool { return count(final(), all) == len(x.hosts) })
	x.show.say("Announced: %s. Judged valid by %v, invalid by %v. A block may be voted for when its reports are audited, and so this one is final.",
		x.said.tranches(report), x.said.judges(report, true), x.said.judges(report, false))
	counts := read(x.world, func(n *node.Node) auditor.Counts { return n.Auditor.Counts() })
	valid := count(counts, func(c auditor.Counts) bool { return c.Valid > 0 && c.Invalid == 0 })
	x.show.claim(3*valid > 2*len(x.hosts) && count(final(), all) == len(x.hosts), "good work is judged valid by more than two thirds, and its block is final on every node",
		"judged valid by %d of %d; final on %d", valid, len(x.hosts), count(final(), all))
	return true, nil
}

func signers(g *block.Guarantee) (list []protocol.Validator) {
	for _, c := range g.Credentials {
		list = append(list, c.Validator)
	}
	return list
}

// lie has two guarantors of a core sign a report that is not the result of the work.
func (x *trial) lie() error {
	x.show.step("Two guarantors sign a lie", "GP §15, §14.4",
		"how little the chain knows: two good signatures, and nobody executes the work on chain. The lie gets in.")
	x.early()
	duties, err := x.duties()
	if err != nil {
		return err
	}
	group := duties.Now().Group(demoCore)
	x.liars = group[:2]
	for _, v := range x.liars {
		x.on(int(v), func(n *node.Node) { n.Guarantor.Mistakes.WrongResult = true })
	}
	b, err := x.order(2, "bad", x.liars[0])
	if err != nil {
		return err
	}
	hash := b.Package.Hash()
	x.until(10, func() string { return "waiting for the lie in a block; " + x.tips() }, func() bool {
		for i := range x.hosts { // forks are soon left
			if g, in, err := x.reported(i, hash); g != nil && err == nil {
				x.guarantee, x.in = g, in
				return true
			}
		}
		return false
	})
	if x.guarantee == nil {
		return nil
	}
	x.report = x.guarantee.Report.Hash()
	d := &x.guarantee.Report.Digests[0]
	x.show.say("Core %d belongs to validators %v. Validators %v are told to lie: they report that the work of package %s ends with outcome %d (a panic), "+
		"which it does not.", demoCore, group, x.liars, short(hash), d.Result.Outcome)
	x.show.say("Their report %s stands in the block of slot %d, signed by validators %v. The third guarantor came to another result, and did not sign.",
		short(x.report), x.in.Header.Slot, signers(x.guarantee))
	return nil
}

// caught follows the audit of the lie, until it is judged on chain.
func (x *trial) caught() {
	x.show.step("The audit: everybody does the work again", "GP §17.2, §17.3, §10",
		"the judgments. Auditors fetch the bundle, compute the report themselves, and sign whether it is right; a negative judgment brings in all others.")
	x.until(20, func() string {
		return fmt.Sprintf("judged valid by %v, invalid by %v; %s", x.said.judges(x.report, true), x.said.judges(x.report, false), x.tips())
	}, func() bool {
		return count(x.inFinal(), func(d *state.Disputes) bool { return d != nil && slices.Contains(d.Bad, x.report) }) == len(x.hosts)
	})
	x.show.say("Announced: %s. Judged invalid by %v, valid by %v.", x.said.tranches(x.report), x.said.judges(x.report, false), x.said.judges(x.report, true))
	if verdict, d := x.verdict(); d != nil {
		x.show.say("The block of slot %d, by validator %d, has the dispute: a verdict with %d judgments on report %s, and %d culprits by their own signatures. "+
			"Its header names %d offenders (H_O).", verdict.Header.Slot, verdict.Header.Author, len(d.Verdicts[0].Votes), short(d.Verdicts[0].Report),
			len(d.Culprits), len(verdict.Header.OffendersMark))
		return
	}
	x.show.say("No block has a verdict on it.")
}

// verdict finds the block in the chain of node 0 that has the verdict.
func (x *trial) verdict() (link, *block.Disputes) {
	chain, err := x.chainOfNode(0)
	if err != nil {
		return link{}, nil
	}
	for _, l := range chain {
		if d := &l.Extrinsic.Disputes; slices.ContainsFunc(d.Verdicts, func(v block.Verdict) bool { return v.Report == x.report }) {
			return l, d
		}
	}
	return link{}, nil
}

// inFinal reads ψ after the final block of each node.
func (x *trial) inFinal() []*state.Disputes {
	return read(x.world, func(n *node.Node) *state.Disputes {
		d, err := n.Chain.Finalized().State.Disputes()
		if err != nil {
			return nil
		}
		return d
	})
}

// believed counts the nodes that have made the result of the lie final.
func (x *trial) believed() int {
	hash := x.guarantee.Report.Package.Hash
	done := read(x.world, func(n *node.Node) bool { return isAccumulated(n.Chain.Finalized().State, hash) })
	return count(done, func(b bool) bool { return b })
}

// abandoned tells of the fork with the lie.
func (x *trial) abandoned() {
	x.show.step("The fork with the lie is left", "GP §17.1, §19",
		"the parent. The block in which the lie became available is condemned; the chain goes on from before it, and finality with it.")
	x.said.mu.Lock()
	for hash := range x.said.condemned {
		x.bad = append(x.bad, hash)
	}
	x.said.mu.Unlock()
	slices.SortFunc(x.bad, func(a, b protocol.Hash) int { return int(x.said.slots[a]) - int(x.said.slots[b]) })
	for _, hash := range x.bad {
		x.said.mu.Lock()
		who := slices.Clone(x.said.condemned[hash])
		slot := x.said.slots[hash]
		x.said.mu.Unlock()
		slices.Sort(who)
		x.show.say("Block %s of slot %d is condemned by nodes %v.", short(hash), slot, who)
	}
	if len(x.bad) == 0 {
		x.show.say("No block was condemned.")
	}
	x.show.say("The nodes: %s.", x.tips())
}

// judge looks at what all nodes have made final.
func (x *trial) judge() error {
	chains, err := x.chains()
	if err != nil {
		return err
	}
	psi := x.inFinal()
	bad := count(psi, func(d *state.Disputes) bool { return d != nil && slices.Contains(d.Bad, x.report) })
	x.show.claim(bad == len(x.hosts), "the wrong report is judged bad in the final state of every node", "ψ_B has it on %d of %d nodes", bad, len(x.hosts))
	var want []protocol.Ed25519Key
	for _, v := range x.liars {
		want = append(want, x.Keys[v].Ed25519.Public())
	}
	slices.SortFunc(want, func(a, b protocol.Ed25519Key) int { return strings.Compare(string(a[:]), string(b[:])) })
	same := count(psi, func(d *state.Disputes) bool { return d != nil && slices.Equal(d.Offenders, want) })
	x.show.claim(same == len(x.hosts), "the offenders are the two who signed it, and nobody else", "ψ_O is validators %v on %d of %d nodes", x.liars, same, len(x.hosts))
	done := x.believed()
	x.show.claim(done == 0, "no node has made the result of the lie final", "package %s is accumulated in the final state of %d nodes",
		short(x.guarantee.Report.Package.Hash), done)
	kept := 0
	for _, list := range chains {
		kept += count(list, func(l link) bool { return slices.Contains(x.bad, l.hash) })
	}
	x.show.claim(len(x.bad) > 0 && kept == 0, "the block in which it became available is condemned, and in nobody's chain", "%s condemned, %d of them in best chains",
		plural(len(x.bad), "block", "blocks"), kept)
	x.show.claim(x.lowestFinal() > x.in.Header.Slot, "finality goes on behind it", "the lie was reported in slot %d; %s", x.in.Header.Slot, x.tips())
	x.agree()
	return nil
}
