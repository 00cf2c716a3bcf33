package availability

import (
	"fmt"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability/shelf"
	"damson/node/chain"
	"damson/node/loop"
	"damson/node/roster"
	"damson/state"
)

// ErrShards means that shards do not belong to the erasure root, or are not those asked for.
const ErrShards = protocol.Invalid("availability/bad_shards")

// fetch gets our shards of a report: from one guarantor after another, until the chain waits no more.
type fetch struct {
	k      *Keeper
	at     place
	report *shelf.Report
	turn   int // whom to ask next
	rounds int // in which no guarantor gave them
	timer  loop.Timer
}

// patientRounds is how often all guarantors are asked before the data is put together from what others hold.
const patientRounds = 2

// changed gets what the best block waits for and we do not have.
func (k *Keeper) changed() {
	if k.stopped {
		return
	}
	if k.assuring != 0 && k.Loop.Now().Before(k.Slots.Start(k.assuring)) {
		k.assure(k.assuring) // on a block that came late
	}
	best := k.Chain.Best()
	waiting, index, ok := k.waiting(best)
	if !ok {
		return
	}
	for core, a := range waiting {
		if a == nil {
			continue
		}
		at := place{a.Report.Package.ErasureRoot, jamnp.ShardOf(protocol.Core(core), index, k.Params)}
		if _, held := k.held[at]; held || k.fetches[at] != nil {
			continue
		}
		if r := k.reports[at.root]; r != nil {
			f := &fetch{k: k, at: at, report: r, turn: int(index)}
			k.fetches[at] = f
			f.begin()
		}
	}
}

// waiting gives ρ after a block, and our index among those who assure it; false if we do not.
func (k *Keeper) waiting(b *chain.Block) (state.Reports, protocol.Validator, bool) {
	active, err := b.State.Active()
	if err == nil {
		var waiting state.Reports
		if waiting, err = b.State.Reports(); err == nil {
			index, ok := roster.Index(active, k.Key.Public)
			return waiting, index, ok
		}
	}
	k.log.Error("the best block's state cannot be read", "error", err)
	return nil, 0, false
}

// begin looks on the shelf, and at what we have guaranteed ourselves.
func (f *fetch) begin() {
	k := f.k
	available := k.own.get(f.at.root)
	k.Loop.Go(shelfQueue, func() func() {
		held, err := k.Shelf.HasShards(f.at.root, int(f.at.index))
		if err == nil && !held && available != nil {
			err = k.Shelf.PutShards(f.at.root, f.report.Slot, available.Shards(int(f.at.index)))
			held = err == nil
		}
		return func() {
			switch {
			case err != nil:
				k.log.Error("shards cannot be kept", "error", err)
				f.later()
			case held:
				f.keep(available != nil)
			default:
				f.ask()
			}
		}
	})
}

// keep ends the fetch: the shards are on disk.
func (f *fetch) keep(fresh bool) {
	k := f.k
	delete(k.fetches, f.at)
	if _, known := k.held[f.at]; !known {
		k.held[f.at] = f.report.Slot
		k.heldOrder = append(k.heldOrder, f.at)
	}
	if fresh {
		k.counts.Shards++
	}
}

// ask asks the next guarantor: CE 137.
func (f *fetch) ask() {
	k := f.k
	if k.stopped || len(f.report.Guarantors) == 0 || f.wanted() == nil {
		delete(k.fetches, f.at)
		return
	}
	from := f.report.Guarantors[f.turn%len(f.report.Guarantors)]
	f.turn++
	if from == k.Key.Public {
		f.next()
		return
	}
	request := jamnp.ShardRequest{ErasureRoot: f.at.root, Shard: f.at.index}
	size := k.sizes(f.report)
	k.Network.Request(from, jamnp.ShardDistribution, [][]byte{jamnp.Encode(&request)}, size.all, k.patience(),
		func(answer [][]byte, err error) {
			if err != nil {
				k.log.Debug("a guarantor gives no shards", "peer", from.PeerName(), "error", err)
				f.next()
				return
			}
			f.check(from, answer, size)
		})
}

// next asks another guarantor, at once if there is one that has not been asked in this round.
func (f *fetch) next() {
	if f.turn%max(len(f.report.Guarantors), 1) == 0 {
		if f.rounds++; f.rounds%patientRounds == 0 {
			f.rebuild()
		} else {
			f.later()
		}
		return
	}
	f.ask()
}

func (f *fetch) later() {
	k := f.k
	if k.stopped {
		delete(k.fetches, f.at)
		return
	}
	f.timer = k.Loop.After(max(k.Slots.Scale(retryTime), retryTime/10), f.ask)
}

// wanted gives the report if the best block still waits for it.
func (f *fetch) wanted() *block.Report {
	waiting, _, ok := f.k.waiting(f.k.Chain.Best())
	if !ok {
		return nil
	}
	if a := waiting[f.report.Core]; a != nil && a.Report.Package.ErasureRoot == f.at.root {
		return &a.Report
	}
	return nil
}

// rebuild makes our shards of the whole data, which others may hold enough of when the guarantors are silent. CE 138, 139.
func (f *fetch) rebuild() {
	k := f.k
	report := f.wanted()
	if report == nil || k.stopped {
		delete(k.fetches, f.at)
		return
	}
	k.Bundle(report, func(b *bundle.Bundle, err error) {
		if err != nil {
			f.fruitless(err)
			return
		}
		octets := b.AppendTo(make([]byte, 0, b.Size()))
		if report.Package.ExportsCount == 0 {
			f.encode(report.Package.Hash, octets, nil)
			return
		}
		all := make([]uint16, report.Package.ExportsCount)
		for i := range all {
			all[i] = uint16(i)
		}
		k.Segments(report.Package.ExportsRoot, all, func(segments map[uint16]Segment, err error) {
			if err != nil {
				f.fruitless(err)
				return
			}
			exports := make([][]byte, len(all))
			for i := range exports {
				exports[i] = segments[uint16(i)].Octets
			}
			f.encode(report.Package.Hash, octets, exports)
		})
	})
}

func (f *fetch) fruitless(err error) {
	f.k.log.Debug("a report's data cannot be put together", "core", f.report.Core, "error", err)
	f.later()
}

// encode encodes the data as its guarantors did, and keeps our shards. Others may have theirs of us now.
func (f *fetch) encode(hash protocol.Hash, octets []byte, exports [][]byte) {
	k := f.k
	k.Loop.Go(rebuildQueue, func() func() {
		available, err := k.Coder.Specify(hash, octets, exports)
		if err == nil && available.Spec.ErasureRoot != f.at.root {
			err = ErrErasureRoot
		}
		if err == nil {
			err = k.Shelf.PutShards(f.at.root, f.report.Slot, available.Shards(int(f.at.index)))
		}
		return func() {
			if err != nil {
				f.fruitless(err)
				return
			}
			k.counts.Rebuilt++
			k.own.put(available)
			f.keep(true)
		}
	})
}

// check checks what a guarantor gave against the erasure root, and keeps it.
func (f *fetch) check(from jamnp.PeerID, answer [][]byte, size sizes) {
	k := f.k
	k.Loop.Go(shelfQueue, func() func() {
		shards, err := decodeShards(answer, int(f.at.index), size, k.Params)
		if err == nil && !shards.Verify(f.at.root, k.Params.Validators) {
			err = fmt.Errorf("shard %d of a report for core %d: %w", f.at.index, f.report.Core, ErrShards)
		}
		bad := err
		if err == nil {
			err = k.Shelf.PutShards(f.at.root, f.report.Slot, shards)
		}
		return func() {
			switch {
			case bad != nil:
				k.counts.BadShards++
				k.blame(from, blameData, bad)
				f.next()
			case err != nil:
				k.log.Error("shards cannot be kept", "error", err)
				f.later()
			default:
				f.keep(true)
			}
		}
	})
}

// sizes are how much there is of a report by one index.
type sizes struct {
	bundle   int // octets
	segments int // count, those with proofs too
	all      int // bound on the octets of an answer
}

func (k *Keeper) sizes(r *shelf.Report) sizes {
	p := k.Params
	pieces := (int(r.Spec.BundleLength) + p.PieceOctets - 1) / p.PieceOctets
	exports := int(r.Spec.ExportsCount)
	s := sizes{bundle: 2 * pieces, segments: exports + bundle.Pages(exports)}
	s.all = s.bundle + s.segments*jamnp.SegmentShardOctets(p) + jamnp.JustificationLimit(p)
	return s
}

// decodeShards reads an answer of CE 137.
func decodeShards(answer [][]byte, index int, size sizes, p *protocol.Params) (*bundle.Shards, error) {
	if len(answer) != 3 {
		return nil, jamnp.ErrMessages
	}
	var list jamnp.ShardList
	var justification jamnp.Justification
	if err := list.Decode(answer[1], p); err != nil {
		return nil, err
	}
	if err := justification.Decode(answer[2], p); err != nil {
		return nil, err
	}
	if len(answer[0]) != size.bundle || len(list) != size.segments {
		return nil, ErrShards
	}
	return &bundle.Shards{Index: index, Bundle: answer[0], Segments: list, Justification: justification.Trace()}, nil
}
