package load

import (
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/builder"
)

// lane is a row of packages of a core, each of which imports what the one before it has exported.
type lane struct {
	tag  uint32
	last *run // nil: none yet
	base services.Relayed
}

// maxLanes is how many lanes a core has at most: as many packages as may be on their way.
const maxLanes = 12

// leg is an item for the relay, in a lane whose last package is through. It reports false if there is none.
func (l *Load) leg(c *core, r *run, now protocol.Slot) (builder.Item, bool) {
	r.lane = l.free(c, now)
	if r.lane == nil {
		return builder.Item{}, false
	}
	leg := services.Leg{Tag: r.lane.tag, Exports: uint16(l.Segments)}
	item := builder.Item{Service: services.RelayID, Exports: leg.Exports, AccumulateGas: legGas}
	if before := r.lane.last; before != nil && before.relayed() {
		leg.Imports = leg.Exports
		item.Imports = imports(before, now, int(leg.Imports))
	}
	r.imports = int(leg.Imports)
	item.Payload = leg.Payload()
	return item, true
}

// free gives a lane whose last package is through or lost, a new one if there may be one, or nil.
func (l *Load) free(c *core, now protocol.Slot) *lane {
	for _, x := range c.lanes {
		if x.last == nil || x.last.Has(builder.Accumulated) || x.last.lost(now, l.Builder.Node.Params) {
			return x
		}
	}
	if len(c.lanes) == maxLanes {
		return nil
	}
	x := &lane{tag: uint32(c.index)<<8 | uint32(len(c.lanes))}
	x.base, _ = services.DecodeRelayed(l.stored(services.RelayID, services.RelayKey(x.tag)))
	c.lanes = append(c.lanes, x)
	return x
}

// relayed says whether the package has exported what the next one can import.
func (r *run) relayed() bool {
	if !r.Has(builder.Accumulated) || r.Report == nil || r.Report.Package.ExportsCount == 0 {
		return false
	}
	for i := range r.Report.Digests {
		if d := &r.Report.Digests[i]; d.Service == services.RelayID && d.Result.Outcome != block.OutcomeOK {
			return false
		}
	}
	return true
}

// recent is for how many slots after its report a package's exports are imported by the package's hash, which works as long as the
// chain remembers it; later they are by their root.
const recent = 4

// imports refers to the first exports of a package.
func imports(before *run, now protocol.Slot, count int) []block.Import {
	list := make([]block.Import, count)
	byPackage := now <= before.Slots[builder.Guaranteed]+recent && before.at%2 == 0
	for i := range list {
		list[i] = block.Import{Root: before.Report.Package.ExportsRoot, Index: uint16(i)}
		if byPackage {
			list[i].Root, list[i].ByPackage = before.Hash, true
		}
	}
	return list
}
