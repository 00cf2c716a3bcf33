// Package statistics keeps π, the activity of validators, cores and services. It is GP §13.
package statistics

import (
	"cmp"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// Input is what a block, found valid, adds to the statistics.
type Input struct {
	Prior       protocol.Slot                // τ
	Slot        protocol.Slot                // τ′
	Author      protocol.Validator           // H_I
	Active      state.Validators             // κ′
	Extrinsic   *block.Extrinsic             // E
	Reporters   []protocol.Ed25519Key        // R: in any order, repeated or not
	Available   []*block.Report              // W: became available in this block
	Accumulated []state.AccumulationActivity // S
}

// Transition maps π to π′. It changes nothing of what it is given.
func Transition(p *protocol.Params, prior *state.Activity, in *Input) *state.Activity {
	post := &state.Activity{
		Previous: prior.Previous,
		Cores:    cores(p, in),
		Services: services(in),
	}
	if in.Slot/p.EpochLength == in.Prior/p.EpochLength {
		post.Current = slices.Clone(prior.Current)
	} else {
		post.Current, post.Previous = make([]state.ValidatorActivity, p.Validators), prior.Current
	}
	countValidators(post.Current, in)
	return post
}

// countValidators makes π_V′ of a. GP §13.1.
func countValidators(a []state.ValidatorActivity, in *Input) {
	author := &a[in.Author]
	author.Blocks++
	author.Tickets += uint32(len(in.Extrinsic.Tickets))
	author.Preimages += uint32(len(in.Extrinsic.Preimages))
	for i := range in.Extrinsic.Preimages {
		author.PreimagesSize += uint32(len(in.Extrinsic.Preimages[i].Blob))
	}
	for i := range in.Extrinsic.Assurances {
		a[in.Extrinsic.Assurances[i].Validator].Assurances++
	}
	if len(in.Reporters) == 0 {
		return
	}
	reporters := make(map[protocol.Ed25519Key]struct{}, len(in.Reporters))
	for _, key := range in.Reporters {
		reporters[key] = struct{}{}
	}
	for v := range in.Active {
		if _, ok := reporters[in.Active[v].Ed25519]; ok {
			a[v].Guarantees++
		}
	}
}

// cores is π_C′. GP §13.2.
func cores(p *protocol.Params, in *Input) []state.CoreActivity {
	list := make([]state.CoreActivity, p.Cores)
	for i := range in.Extrinsic.Guarantees {
		r := &in.Extrinsic.Guarantees[i].Report
		c := &list[r.Core]
		c.BundleSize += uint64(r.Package.BundleLength)
		for j := range r.Digests {
			g := &r.Digests[j]
			c.Imports += uint64(g.Imports)
			c.Extrinsics += uint64(g.Extrinsics)
			c.ExtrinsicsSize += uint64(g.ExtrinsicsSize)
			c.Exports += uint64(g.Exports)
			c.GasUsed += g.RefineGasUsed
		}
	}
	for _, r := range in.Available {
		segments := (uint64(r.Package.ExportsCount)*65 + 63) / 64 // with their proof pages
		list[r.Core].DataLoad += uint64(r.Package.BundleLength) + uint64(p.SegmentOctets())*segments
	}
	for i := range in.Extrinsic.Assurances {
		a := &in.Extrinsic.Assurances[i]
		for c := range list {
			if a.Has(c) {
				list[c].Popularity++
			}
		}
	}
	return list
}

// services is π_S′. GP §13.2.
func services(in *Input) []state.ServiceActivity {
	var list []state.ServiceActivity
	index := make(map[protocol.ServiceID]int)
	of := func(id protocol.ServiceID) *state.ServiceActivity {
		i, ok := index[id]
		if !ok {
			i = len(list)
			index[id] = i
			list = append(list, state.ServiceActivity{Service: id})
		}
		return &list[i]
	}
	for i := range in.Extrinsic.Guarantees {
		digests := in.Extrinsic.Guarantees[i].Report.Digests
		for j := range digests {
			g := &digests[j]
			s := of(g.Service)
			s.Refinements++
			s.RefinementGas += g.RefineGasUsed
			s.Imports += uint64(g.Imports)
			s.Extrinsics += uint64(g.Extrinsics)
			s.ExtrinsicsSize += uint64(g.ExtrinsicsSize)
			s.Exports += uint64(g.Exports)
		}
	}
	for i := range in.Extrinsic.Preimages {
		x := &in.Extrinsic.Preimages[i]
		s := of(x.Service)
		s.Provided++
		s.ProvidedSize += uint64(len(x.Blob))
	}
	for i := range in.Accumulated {
		a := &in.Accumulated[i]
		s := of(a.Service)
		s.Accumulations, s.AccumulationGas = a.Digests, a.Gas
	}
	slices.SortFunc(list, func(a, b state.ServiceActivity) int { return cmp.Compare(a.Service, b.Service) })
	return list
}
