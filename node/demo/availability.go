package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/erasure"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/builder"
	"damson/node/host"
	"damson/node/testnet"
)

// What the package of the demo does.
const (
	keyOfDemo   = "greeting"
	valueOfDemo = "hello from a core"
	segments    = 2      // that it exports
	dataOctets  = 20_000 // that it brings along
	demoCore    = 0
)

// availability shows a package on its way through a core, and what its data can bear.
func availability(ctx context.Context, s *show) error {
	w, err := s.startNetwork(ctx, s.slot(fastSlot), testnet.NoScenario, func(_ int, o *host.Options) {
		o.Mistakes.Keeper.Withhold = s.Fault == DataWithheld
	})
	if err != nil {
		return err
	}
	c, err := w.client()
	if err == nil {
		x := &parcel{client: c, stopped: make([]bool, len(w.hosts))}
		err = x.tell()
	}
	if c != nil {
		err = errors.Join(err, c.host.Stop())
	}
	return errors.Join(err, w.Stop())
}

// parcel is the package of the demo.
type parcel struct {
	*client
	bundle    *bundle.Bundle
	hash      protocol.Hash
	group     []protocol.Validator // who guarantees for the core
	guarantee *block.Guarantee
	in        link // the block that has it
	when      link // the block in which it became available
	stopped   []bool
}

func (x *parcel) tell() error {
	if err := x.submit(); err != nil {
		return err
	}
	if ok, err := x.guaranteed(); !ok || err != nil {
		return err
	}
	if ok, err := x.assured(); !ok || err != nil {
		return err
	}
	if x.show.Fault == ShardsCorrupted {
		for i := range x.hosts {
			x.corrupt(i)
		}
	}
	if err := x.recovered(x.distributed()); err != nil {
		return err
	}
	x.corrupted()
	return nil
}

// submit makes a package, and hands it to a guarantor early in a rotation.
func (x *parcel) submit() error {
	x.show.step("A package of work, and who is asked to do it", "GP §14, §11.3",
		"the guarantors of the core. They change every few slots, by lot, so that nobody can choose who looks at his work.")
	var c services.Commands
	c.Set(keyOfDemo, valueOfDemo)
	data := bytes.Repeat([]byte("data that comes along; "), dataOctets/23)
	leg := services.Leg{Tag: 1, Exports: segments}
	x.early()
	var err error
	x.bundle, err = x.draft(1,
		builder.Item{Service: services.StoreID, Payload: c.Payload(), AccumulateGas: 100_000, Extrinsics: [][]byte{data}},
		builder.Item{Service: services.RelayID, Payload: leg.Payload(), AccumulateGas: 100_000, Exports: segments})
	if err != nil {
		return err
	}
	x.hash = x.bundle.Package.Hash()
	duties, err := x.duties()
	if err != nil {
		return err
	}
	x.group = duties.Now().Group(demoCore)
	x.show.say("Work package %s with two items: service %d is to store %q under %q, service %d is to export %d segments of %d octets. With its "+
		"data it is a bundle of %d octets.", short(x.hash), services.StoreID, valueOfDemo, keyOfDemo, services.RelayID, segments,
		x.Params.SegmentOctets(), x.bundle.Size())
	x.show.say("In slots %d to %d core %d belongs to validators %v, core 1 to the others. Validator %d is handed the package (CE 133).",
		duties.Now().First, duties.Now().Last, demoCore, x.group, x.group[0])
	return x.give(x.bundle, demoCore, x.group[0])
}

// early waits for the first slots of a rotation, and until the last block is there.
func (c *client) early() {
	period := c.Params.RotationPeriod
	into := func() float64 { return float64(time.Since(c.Slots.Start(c.now()))) / float64(c.Slot) }
	c.until(int(period)+2, func() string { return "waiting for a new rotation of guarantors" }, func() bool {
		const early, late = 0.25, 0.6
		return c.now() > c.First && c.now()%period <= period/4 && into() > early && into() < late
	})
}

// guaranteed waits for the report in a block. It is false if there is none.
func (x *parcel) guaranteed() (bool, error) {
	x.show.step("Refined by two, and signed: a guarantee", "GP §14.4, §11.4, §15",
		"the two signatures. Two of three guarantors do the work off chain and stake their place on the same result; only the report goes on chain.")
	var err error
	found := x.until(14, func() string { return "waiting for the report in a block; " + x.tips() }, func() bool {
		x.guarantee, x.in, err = x.reported(0, x.hash)
		return x.guarantee != nil || err != nil
	})
	if !found || err != nil {
		x.show.claim(false, "the package is guaranteed", "no block has its report")
		return false, err
	}
	r := &x.guarantee.Report
	var who []string
	for _, c := range x.guarantee.Credentials {
		who = append(who, fmt.Sprint(c.Validator))
	}
	x.show.say("Report %s stands in block %s of slot %d, signed by validators %s.", short(r.Hash()), short(x.in.hash), x.in.Header.Slot,
		strings.Join(who, " and "))
	for i := range r.Digests {
		d := &r.Digests[i]
		x.show.say("Item %d of service %d: refined with %d gas, result of %d octets, %d segments exported.", i, d.Service, d.RefineGasUsed,
			len(d.Result.Output), d.Exports)
	}
	x.show.say("What it says of the data: bundle of %d octets, erasure root %s, %d segments by root %s. The %d octets themselves are on no chain.",
		r.Package.BundleLength, short(r.Package.ErasureRoot), r.Package.ExportsCount, short(r.Package.ExportsRoot), r.Package.BundleLength)
	return true, nil
}

// assured waits until the data is available and the package accumulated. It is false if that does not come.
func (x *parcel) assured() (bool, error) {
	x.show.step("Assured by more than two thirds, then accumulated", "GP §11.2, §16, §12",
		"who assures. Each validator fetches its shard, checks it against the erasure root and says so; with five of six the service gets the result.")
	done := func(value string) bool { return value == valueOfDemo }
	x.until(10, func() string {
		held := read(x.world, func(n *node.Node) uint64 { return n.Keeper.Counts().Shards })
		return fmt.Sprintf("shards that nodes have fetched: %v", held)
	}, func() bool {
		return count(x.stored(services.StoreID, keyOfDemo), done) == len(x.hosts)
	})
	values := x.stored(services.StoreID, keyOfDemo)
	have := count(values, done)
	threshold := x.Params.SuperMajority()
	var ok bool
	var err error
	if x.when, ok, err = x.available(0, x.guarantee, x.in, threshold); err != nil {
		return false, err
	}
	if ok {
		said := assurers(x.when, x.guarantee.Report.Core)
		x.show.say("Block of slot %d has assurances of validators %v: %d are needed.", x.when.Header.Slot, said, threshold)
		x.show.claim(3*len(said) > 2*len(x.hosts), "more than two thirds of the validators have said on chain that they hold their shards", "%d of %d", len(said), len(x.hosts))
	} else {
		counts := read(x.world, func(n *node.Node) uint64 { return n.Keeper.Counts().Shards })
		x.show.claim(false, "more than two thirds of the validators have said on chain that they hold their shards",
			"no block has so many assurances; shards held by node: %v", counts)
	}
	x.show.say("Service %d now has, in the state after the best block of node 0: %q = %q.", services.StoreID, keyOfDemo, values[0])
	x.show.claim(have == len(x.hosts), "the result of the work is in the state of every node", "%q = %q on %d of %d nodes", keyOfDemo, valueOfDemo, have, len(x.hosts))
	return ok && have > 0, nil
}

// fetched is what a validator answered when it was asked for its shard.
type fetched struct {
	index  int
	holder protocol.Validator
	shard  []byte
	proven bool  // it belongs to the erasure root of the report
	err    error // there was no answer
}

// fetch asks a validator for the shard of the bundle that it keeps, as an auditor does: CE 138.
func (x *parcel) fetch(holder protocol.Validator) (f fetched) {
	for range fetches {
		f = x.fetchOnce(holder)
		if f.err == nil || x.stopped[holder] {
			break
		}
		select {
		case <-x.ctx.Done():
			return f
		case <-time.After(x.Slot):
		}
	}
	return f
}

// fetches is how often a validator is asked that runs.
const fetches = 6

// fetchAll asks all validators at once, and gives the answers in their order.
func (x *parcel) fetchAll() []fetched {
	list := make([]fetched, len(x.hosts))
	var all sync.WaitGroup
	for v := range x.hosts {
		all.Go(func() { list[v] = x.fetch(protocol.Validator(v)) })
	}
	all.Wait()
	return list
}

// answered gives those fetches that were answered.
func answered(list []fetched) []fetched {
	return slices.DeleteFunc(slices.Clone(list), func(f fetched) bool { return f.err != nil })
}

func (x *parcel) fetchOnce(holder protocol.Validator) (f fetched) {
	r := &x.guarantee.Report
	f.holder = holder
	f.index = int(jamnp.ShardOf(r.Core, holder, x.Params))
	request := jamnp.Encode(&jamnp.ShardRequest{ErasureRoot: r.Package.ErasureRoot, Shard: uint16(f.index)})
	answer, err := x.ask(holder, jamnp.AuditShardRequest, [][]byte{request}, int(r.Package.BundleLength)+jamnp.JustificationLimit(x.Params))
	var proof jamnp.Justification
	if err == nil && len(answer) != 2 {
		err = jamnp.ErrMessages
	}
	if err == nil {
		err = proof.Decode(answer[1], x.Params)
	}
	if err != nil {
		f.err = err
		return f
	}
	f.shard = answer[0]
	f.proven = bundle.VerifyBundleShard(r.Package.ErasureRoot, f.index, x.Params.Validators, f.shard, proof.Trace())
	return f
}

// distributed asks every validator for its shard.
func (x *parcel) distributed() []fetched {
	x.show.step("Erasure-coded: six shards, of which any two are enough", "GP App. H, §14.4.1",
		"the sizes. Each shard is half of the bundle here; in the protocol there are 1,023, each a 342nd part, and any 342 are enough.")
	rows := [][]string{{"validator", "shard", "octets", "begins with", "belongs to the erasure root"}}
	list := x.fetchAll()
	for _, f := range list {
		row := []string{fmt.Sprint(f.holder), fmt.Sprint(f.index), fmt.Sprint(len(f.shard)), "", fmt.Sprint(f.proven)}
		if f.err != nil {
			row[4] = f.err.Error()
		} else {
			row[3] = fmt.Sprintf("%x…", f.shard[:min(8, len(f.shard))])
		}
		rows = append(rows, row)
	}
	x.show.table(rows)
	var without []string
	for _, f := range list {
		if !f.proven {
			without = append(without, fmt.Sprint(f.holder))
		}
	}
	found := fmt.Sprintf("all %d", len(list))
	if len(without) > 0 {
		found = "not so the shards of validators " + strings.Join(without, ", ")
	}
	x.show.claim(len(without) == 0, "every validator has its shard, with a proof against the erasure root on chain", "%s", found)
	return list
}

// put puts a bundle together from shards. It says whether it is the package of the report.
func (x *parcel) put(list []fetched) (right bool, err error) {
	shards := make([]erasure.Shard, 0, len(list))
	for _, f := range list {
		shards = append(shards, erasure.Shard{Index: f.index, Data: f.shard})
	}
	coder, err := bundle.NewCoder(x.Params)
	if err != nil {
		return false, err
	}
	octets, err := coder.RecoverBundle(shards, int(x.guarantee.Report.Package.BundleLength))
	if err != nil {
		return false, err
	}
	b, err := bundle.Decode(octets, x.Params)
	if err != nil {
		return false, err
	}
	if hash := b.Package.Hash(); hash != x.guarantee.Report.Package.Hash {
		return false, fmt.Errorf("package %s", short(hash))
	}
	return true, b.Verify(x.guarantee.Report.SegmentRoot)
}

// recovered ends four of the six nodes, and puts the bundle together from what is left; and once more from one shard.
func (x *parcel) recovered(before []fetched) error {
	x.show.step("Four of six validators are gone", "GP App. H, eq:erasurecodinginv",
		"which shards are left. None of them is a piece of the bundle itself: they are points on a polynomial, as good as any.")
	enough := x.Params.RecoveryThreshold()
	byIndex := slices.Clone(before)
	slices.SortFunc(byIndex, func(a, b fetched) int { return b.index - a.index })
	var gone []string
	var stops sync.WaitGroup
	errs := make([]error, len(byIndex))
	for i, f := range byIndex[enough:] { // all at once: what is final is soon dropped from the shelves
		x.stopped[f.holder] = true
		gone = append(gone, fmt.Sprint(f.holder))
		stops.Go(func() { errs[i] = x.StopNode(int(f.holder)) })
	}
	stops.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	all := x.fetchAll()
	left := answered(all)
	var held []string
	for _, f := range left {
		held = append(held, fmt.Sprintf("shard %d of validator %d", f.index, f.holder))
	}
	for _, f := range all {
		if f.err != nil && !x.stopped[f.holder] {
			x.show.say("Validator %d runs and does not answer: %v.", f.holder, f.err)
		}
	}
	x.show.say("Nodes %s are stopped. All six are asked again; %d answer: %s.", strings.Join(gone, ", "), len(left), strings.Join(held, " and "))
	right, err := x.put(left)
	says := fmt.Sprintf("the package of the report, %s", short(x.hash))
	if !right || err != nil {
		says = fmt.Sprintf("not the package: %v", err)
	}
	x.show.say("Put together from these: %s.", says)
	x.show.claim(len(left) == enough && right && err == nil, fmt.Sprintf("the bundle comes back from %d shards of %d, over the network", enough, len(x.hosts)), "%s", says)
	_, err = x.put(left[:min(len(left), enough-1)])
	x.show.say("From %d: %v.", enough-1, err)
	x.show.claim(errors.Is(err, erasure.ErrTooFew), "one shard too few gives nothing", "%v", err)
	return nil
}

// corrupt has a node give out its shards with one bit turned over.
func (x *parcel) corrupt(i int) {
	x.on(i, func(n *node.Node) { n.Keeper.Mistakes.Spoil = true })
}

// corrupted has one of the nodes that are left give out a wrong shard.
func (x *parcel) corrupted() {
	x.show.step("A shard with one wrong bit", "GP §11.2, App. E.1",
		"how it is found: by its proof, before anything is put together. So it is known who gave it.")
	all := x.fetchAll()
	left := answered(all)
	if len(left) == 0 {
		x.show.claim(false, "a corrupted shard is found by its proof", "no validator answers: %v", all[len(all)-1].err)
		return
	}
	victim := left[0]
	x.corrupt(int(victim.holder))
	bad := x.fetch(victim.holder)
	x.show.say("Validator %[2]d now gives out shard %[1]d with one bit turned over. Asked again: the proof fits the erasure root: %[3]v.",
		bad.index, bad.holder, bad.proven)
	left[0] = bad
	right, err := x.put(left)
	says := "the package of the report"
	if !right || err != nil {
		says = fmt.Sprintf("something else (%v)", err)
	}
	x.show.say("Put together all the same, it gives %s.", says)
	x.show.claim(victim.proven && bad.err == nil && !bad.proven, "a corrupted shard is found by its proof", "proof before: %v, after one bit: %v", victim.proven, bad.proven)
	x.show.claim(!right || err != nil, "with it, what comes out is not taken for the package", "%s", says)
}
