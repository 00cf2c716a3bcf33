package telemetry

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/chain"
	"damson/state"
)

// execution is a block that is being executed.
type execution struct {
	id   uint64
	ours bool
}

// authoring is the block that the author is about.
type authoring struct {
	id     uint64
	active bool
}

// tickets are those that the author is about.
type tickets struct {
	id      uint64
	left    int
	outputs []Hash
}

// maxExecutions bounds the blocks that are remembered. More than a few wait for nothing but one another.
const maxExecutions = 1 << 16

// maxServices is how many services' costs are told of one block: JIP-3, "Block executed".
const maxServices = 500

// otherServices stands for those beyond that.
const otherServices = ^protocol.ServiceID(0)

// Executing is told of each block when its execution begins. It is safe for concurrent use.
func (p *Probe) Executing(hash protocol.Hash, v *block.View, octets int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := outline(v, hash, octets)
	if of, ours := p.blocks[hash]; ours && of.ours {
		p.Emit(Authored, of.id, o)
		return
	}
	if len(p.blocks) < maxExecutions {
		p.blocks[hash] = execution{id: p.Emit(Importing, v.Header.Slot, o)}
	}
}

func (p *Probe) take(hash protocol.Hash) (execution, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of, ok := p.blocks[hash]
	delete(p.blocks, hash)
	return of, ok
}

// Follow tells what the node does from now on.
func (p *Probe) Follow(n *node.Node) {
	n.Chain.Watch(chain.Events{
		Imported: p.imported, Refused: p.refusedBlock,
		Best:      func(_, b *chain.Block) { p.Emit(BestBlockChanged, b.Slot, Hash(b.Hash)) },
		Finalized: func(b *chain.Block) { p.Emit(FinalizedBlockChanged, b.Slot, Hash(b.Hash)) },
	})
	p.status(n)
}

func (p *Probe) imported(b *chain.Block) {
	of, ok := p.take(b.Hash)
	if !ok {
		return
	}
	if !of.ours {
		p.Emit(BlockVerified, of.id)
	}
	p.Emit(BlockExecuted, of.id, costs(b.State))
}

// refusedBlock tells of a block that was being executed. Others were not begun.
func (p *Probe) refusedBlock(hash protocol.Hash, err error) {
	of, ok := p.take(hash)
	if !ok {
		return
	}
	_, invalid := errors.AsType[protocol.Invalid](err)
	switch {
	case !invalid:
		p.Emit(BlockExecutionFailed, of.id, words(err))
	case of.ours:
		p.Emit(AuthoringFailed, of.id, words(err))
	default:
		p.Emit(BlockVerificationFailed, of.id, words(err))
	}
}

// costs gives what the services of a block cost, as far as its statistics tell: gas, and no times.
func costs(s *state.State) []AccumulateCost {
	activity, err := s.Activity()
	if err != nil {
		return []AccumulateCost{}
	}
	list := []AccumulateCost{}
	for i := range activity.Services {
		x := &activity.Services[i]
		if x.Accumulations > 0 || x.AccumulationGas > 0 {
			list = append(list, AccumulateCost{
				Service: x.Service, Items: uint32(x.Accumulations), Total: Cost{Gas: uint64(x.AccumulationGas)},
			})
		}
	}
	return most(list)
}

// most sums up those that cost least, if there are too many.
func most(list []AccumulateCost) []AccumulateCost {
	if len(list) <= maxServices {
		return list
	}
	slices.SortFunc(list, func(a, b AccumulateCost) int {
		return cmp.Or(cmp.Compare(b.Total.Gas, a.Total.Gas), cmp.Compare(a.Service, b.Service))
	})
	others := AccumulateCost{Service: otherServices}
	for _, x := range list[maxServices-1:] {
		others.Items += x.Items
		others.Total.Gas += x.Total.Gas
	}
	return append(list[:maxServices-1:maxServices-1], others)
}

func (p *Probe) begin(slot protocol.Slot, parent protocol.Hash) {
	p.authoring = authoring{p.Emit(Authoring, slot, Hash(parent)), true}
}

func (p *Probe) sealed(_ protocol.Slot, hash protocol.Hash) {
	if !p.authoring.active {
		return
	}
	p.authoring.active = false
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocks[hash] = execution{id: p.authoring.id, ours: true}
}

func (p *Probe) failed(_ protocol.Slot, err error) {
	if p.authoring.active {
		p.authoring.active = false
		p.Emit(AuthoringFailed, p.authoring.id, words(err))
	}
}

func (p *Probe) drawing(epoch uint32, count int) {
	p.tickets = tickets{id: p.Emit(GeneratingTickets, epoch), left: count}
}

// drawn takes the next ticket: those of a key come in the order of their attempts.
func (p *Probe) drawn(_ uint32, _ uint8, id protocol.Hash, err error) {
	t := &p.tickets
	if t.left == 0 {
		return
	}
	t.left--
	if err != nil {
		t.left = 0
		p.Emit(TicketGenerationFailed, t.id, words(err))
		return
	}
	if t.outputs = append(t.outputs, Hash(id)); t.left == 0 {
		p.Emit(TicketsGenerated, t.id, t.outputs)
	}
}

// statusTime is how often the status is told: JIP-3, "Status".
const statusTime = 2 * time.Second

// status tells how the node is, now and again.
func (p *Probe) status(n *node.Node) {
	if in := !n.Gossip.Syncing(); in != p.inSync || !p.told {
		p.inSync, p.told = in, true
		p.Emit(SyncStatusChanged, in)
	}
	s := n.Pool.Waiting()
	validators := 0
	for id := range p.peers {
		if n.Gossip.Sets().Validator(id) {
			validators++
		}
	}
	shards, octets := 0, int64(0)
	if n.Keeper != nil {
		shards, octets = n.Keeper.Held(), n.Shelf.Size()
	}
	guarantees := make(PerCore, p.params.Cores)
	for core := range guarantees {
		guarantees[core] = uint8(min(s.Guarantees[core], 255))
	}
	p.Emit(Status, uint32(len(p.peers)), uint32(validators), uint32(len(p.streams)), guarantees,
		uint32(shards), uint64(octets), uint32(s.Preimages), uint32(s.PreimageOctets))
	p.loop.After(statusTime, func() { p.status(n) })
}
