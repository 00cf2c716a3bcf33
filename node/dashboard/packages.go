package dashboard

import (
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/chain"
	"damson/state"
)

// packages are those that the best chain has seen, by the order in which they were reported.
type packages []*packageNote

// packageNote is how far a package has come on the best chain. Slots are 0 for what has not happened.
type packageNote struct {
	Hash        text          `json:"hash"`
	Core        protocol.Core `json:"core"`
	Items       int           `json:"items"`
	Failed      int           `json:"failed"` // of its items, in refinement
	Services    []uint32      `json:"services"`
	Octets      uint32        `json:"octets"` // of its bundle
	Exports     uint16        `json:"exports"`
	Gas         uint64        `json:"gas"` // that refinement used
	Waits       int           `json:"waits"`
	Reported    protocol.Slot `json:"reported"`
	Available   protocol.Slot `json:"available"`
	Accumulated protocol.Slot `json:"accumulated"`
	TimedOut    protocol.Slot `json:"timed_out"`
	hash        protocol.Hash
}

// serviceSum is what the best chain has done for a service while it was watched.
type serviceSum struct {
	Refinements     uint64 `json:"refinements"`
	RefinementGas   uint64 `json:"refinement_gas"`
	Accumulations   uint64 `json:"accumulations"`
	AccumulationGas uint64 `json:"accumulation_gas"`
	Provided        uint64 `json:"provided"`
	Imports         uint64 `json:"imports"`
	Exports         uint64 `json:"exports"`
}

// maxSteps bounds how many blocks are gone through when the best one moves.
const maxSteps = 64

// moved hears on the loop that another block is best. It goes through all that is new in the best chain.
func (r *Record) moved(n *node.Node, best *chain.Block) {
	r.mu.Lock()
	from := r.best
	r.mu.Unlock()
	old := n.Chain.Block(from)
	var path []*chain.Block
	for b := best; b != nil && b.Hash != from && len(path) < maxSteps; b = n.Chain.Parent(b) {
		if old != nil && n.Chain.IsAncestor(b, old) {
			break // where the forks part
		}
		path = append(path, b)
	}
	slices.Reverse(path)
	for _, b := range path {
		prior := n.Chain.Parent(b)
		if prior == nil {
			continue
		}
		r.extend(n.Params, prior, b)
	}
	r.mu.Lock()
	r.best = best.Hash
	r.happened()
	r.mu.Unlock()
}

// extend notes what a block of the best chain has done with packages and for services.
func (r *Record) extend(p *protocol.Params, prior, b *chain.Block) {
	before, err := prior.State.Reports()
	if err != nil {
		return
	}
	after, err := b.State.Reports()
	if err != nil {
		return
	}
	accumulated, err := b.State.Accumulated()
	if err != nil {
		return
	}
	activity, err := b.State.Activity()
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for core, old := range before {
		if old == nil || after[core] != nil && after[core].Slot == old.Slot {
			continue
		}
		// What is assured by enough is available; otherwise its time is over, or it was judged bad. GP §11.2.
		if note := r.packages.find(old.Report.Package.Hash); note != nil {
			if activity.Cores[core].Popularity >= uint64(p.SuperMajority()) {
				note.Available = b.Slot
			} else {
				note.TimedOut = b.Slot
			}
		}
	}
	for _, one := range after {
		if one != nil && one.Slot == b.Slot {
			r.packages.report(one)
		}
	}
	if last := len(accumulated) - 1; last >= 0 {
		for _, hash := range accumulated[last] {
			if note := r.packages.find(hash); note != nil {
				note.Accumulated = b.Slot
			}
		}
	}
	r.sum(activity)
}

func (all packages) find(hash protocol.Hash) *packageNote {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].hash == hash {
			return all[i]
		}
	}
	return nil
}

// report notes a report that a block has brought. After a fork it may be there already.
func (all *packages) report(a *state.Assignment) {
	w := &a.Report
	if old := all.find(w.Package.Hash); old != nil {
		old.Reported, old.Available, old.Accumulated, old.TimedOut = a.Slot, 0, 0, 0
		return
	}
	note := &packageNote{
		hash: w.Package.Hash, Hash: text(w.Package.Hash), Core: w.Core, Items: len(w.Digests), Octets: w.Package.BundleLength,
		Exports: w.Package.ExportsCount, Gas: uint64(w.AuthGasUsed), Waits: len(w.Context.Prerequisites) + len(w.SegmentRoot), Reported: a.Slot,
	}
	for i := range w.Digests {
		d := &w.Digests[i]
		note.Gas += uint64(d.RefineGasUsed)
		if d.Result.Outcome != block.OutcomeOK {
			note.Failed++
		}
		if !slices.Contains(note.Services, uint32(d.Service)) {
			note.Services = append(note.Services, uint32(d.Service))
		}
	}
	if len(*all) >= maxPackages {
		*all = (*all)[:copy(*all, (*all)[maxPackages/10:])]
	}
	*all = append(*all, note)
}

// sum adds up what a block did for services. Beyond the bound, services that come later are left out.
func (r *Record) sum(a *state.Activity) {
	for i := range a.Services {
		one := &a.Services[i]
		s := r.services[one.Service]
		if s == nil {
			if len(r.services) >= maxServices {
				continue
			}
			s = new(serviceSum)
			r.services[one.Service] = s
		}
		s.Refinements += one.Refinements
		s.RefinementGas += uint64(one.RefinementGas)
		s.Accumulations += one.Accumulations
		s.AccumulationGas += uint64(one.AccumulationGas)
		s.Provided += one.Provided
		s.Imports += one.Imports
		s.Exports += one.Exports
	}
}
