package devchain

import (
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/state"
	"damson/state/assurances"
	"damson/state/disputes"
	"damson/state/preimages"
	"damson/state/reports"
	"damson/state/safrole"
	"damson/state/transition"
)

// The services of the chain, and the gas of their items.
const (
	storeID   protocol.ServiceID = 1
	counterID protocol.ServiceID = 2
	itemGas   protocol.Gas       = 100_000
)

// ownGenesis is the genesis of the chain that the binary carries.
func ownGenesis(b *Builder, p *protocol.Params) *Genesis {
	return &Genesis{
		Params: p, Validators: b.Validators(), Seed: "damson",
		Services: []Account{
			{ID: storeID, Code: services.Store(), Balance: 1_000_000, MinItemGas: 1000, MinMemoGas: 1000, Preimages: [][]byte{services.Anyone().Blob}},
			{ID: counterID, Code: services.Counter(), Balance: 1_000_000, MinItemGas: 1000, MinMemoGas: 500},
		},
		Privileges: state.Privileges{
			Manager: storeID, Assigners: make([]protocol.ServiceID, p.Cores), Delegator: storeID, Registrar: storeID,
			AlwaysAccumulate: []state.FreeGas{{Service: counterID, Gas: itemGas}},
		},
		AuthorizerHost: storeID,
		Configurations: []string{"north", "east", "south"},
	}
}

// note is a preimage that the store asks for.
var note = []byte("What is asked for under its hash is provided by the block's author.")

// script is the story of the chain that the binary carries, epoch by epoch.
type script struct{ *Author }

// commands is an item for a store.
func commands(id protocol.ServiceID, fill func(*services.Commands)) []Item {
	var c services.Commands
	fill(&c)
	return []Item{{Service: id, Payload: c.Payload(), Gas: itemGas}}
}

// assureAll says that all data is available.
func assureAll(d *Draft) { d.Assure(d.Engaged()) }

// firstEpoch: storage is written, a transfer made, a preimage asked for and provided, a service made and used.
func (s *script) firstEpoch() {
	s.badHeaders()
	s.Good(nil)

	write := s.Report(0, commands(storeID, func(c *services.Commands) {
		c.Set("greeting", "hello")
		c.Set("colour", "damson")
		c.Fill(0, 3, 20, 7)
	}))
	count := s.Report(1, []Item{{Service: counterID, Gas: itemGas}, {Service: counterID, Gas: itemGas}})
	s.badGuarantees(write)
	s.Good(func(d *Draft) {
		d.Guarantee(write)
		d.Guarantee(count)
	})
	s.badAssurances()
	s.Good(assureAll)

	s.Skip(1)
	s.Bad(reports.ErrDuplicatePackage, func(d *Draft) { d.Guarantee(write) })
	pay := s.Report(0, commands(storeID, func(c *services.Commands) {
		c.Set("greeting", "")
		c.Set("colour", "plum")
		c.Transfer(counterID, 12_345, 50_000, "for counting")
		c.Solicit(blake2b.Sum256(note), uint32(len(note)))
		c.New(services.Store(), 100, 100)
	}))
	s.Good(func(d *Draft) { d.Guarantee(pay) })
	s.Good(func(d *Draft) { d.Assure(d.Engaged(), 0, 1, 2, 4, 5) })

	made := newest(s.Tip.State)
	s.badPreimages()
	s.Good(func(d *Draft) {
		d.Preimage(storeID, note)
		d.Preimage(made, services.Store().Blob)
	})
	answer := s.Report(1, commands(made, func(c *services.Commands) { c.Transfer(storeID, 1, 20_000, "thanks") }))
	s.Good(func(d *Draft) { d.Guarantee(answer) })
	s.Good(assureAll) // it has no balance to pay with: it panics, and nothing is changed
	s.Bad(safrole.ErrUnexpectedTicket, func(d *Draft) { d.Extrinsic.Tickets = make([]block.TicketProof, 1) })
	s.Good(nil)
}

// secondEpoch begins late. A report waits for another in the queue, one that guarantors vouched for before the rotation
// never becomes available, and a preimage is given up.
func (s *script) secondEpoch() {
	s.SkipTo(13)
	s.Bad(safrole.ErrBadEpochMark, func(d *Draft) { d.Header = func(h *block.Header) { h.EpochMark = nil } })
	s.Bad(safrole.ErrBadTicketAttempt, func(d *Draft) { d.Extrinsic.Tickets = []block.TicketProof{{Attempt: 3}} })
	s.Good(nil)

	first := s.Report(0, commands(storeID, func(c *services.Commands) { c.Set("order", "first") }))
	second := s.Report(1, commands(storeID, func(c *services.Commands) { c.Set("order", "second") }), first.Package.Hash)
	orphan := s.Report(1, commands(storeID, func(*services.Commands) {}), protocol.Hash{1})
	s.Bad(reports.ErrDependencyMissing, func(d *Draft) { d.Guarantee(orphan) })
	s.Good(func(d *Draft) {
		d.Guarantee(first)
		d.Guarantee(second)
	})
	s.Good(func(d *Draft) { d.Assure([]protocol.Core{1}) })
	s.Good(func(d *Draft) { d.Assure([]protocol.Core{0}) })

	s.SkipTo(17)
	forget := s.Report(0, commands(storeID, func(c *services.Commands) { c.Forget(blake2b.Sum256(note), uint32(len(note))) }))
	late := s.Report(1, commands(storeID, func(c *services.Commands) { c.Set("never", "seen") }))
	s.Good(func(d *Draft) {
		d.GuaranteeBy(forget, 15, d.Guarantors(0, 15)...)
		d.GuaranteeBy(late, 15, d.Guarantors(1, 15)...)
	})
	s.Good(func(d *Draft) {
		d.Assure([]protocol.Core{0, 1}, 0, 1, 2)
		d.Assure([]protocol.Core{0}, 3, 4, 5)
	})
	again := s.Report(1, commands(storeID, func(*services.Commands) {}))
	s.Bad(reports.ErrCoreEngaged, func(d *Draft) { d.Guarantee(again) })
	s.Good(nil)
	s.SkipTo(22)
	s.Good(nil) // the report's time is over
}

// thirdEpoch has a dispute about two reports: one is bad, and the one called bad is good.
func (s *script) thirdEpoch() {
	s.SkipTo(24)
	s.Good(nil)
	good := s.Report(0, commands(storeID, func(c *services.Commands) { c.Set("judged", "good") }))
	bad := s.Report(1, commands(storeID, func(c *services.Commands) { c.Set("judged", "bad") }))
	bad.Digests[0].Result.Output = []byte("not what refinement gives")
	var guarantors []protocol.Validator
	s.Good(func(d *Draft) {
		guarantors = d.Guarantors(1, d.Slot)
		d.Guarantee(good)
		d.Guarantee(bad)
	})
	if s.Err != nil {
		return
	}
	s.dispute(good.Hash(), bad.Hash(), guarantors)
	s.Bad(disputes.ErrAlreadyJudged, func(d *Draft) { d.Verdict(bad.Hash(), 0) })
	s.Bad(assurances.ErrCoreNotEngaged, func(d *Draft) { d.Assure([]protocol.Core{0, 1}) })
	s.Good(assureAll)
	work := s.Report(0, commands(storeID, func(*services.Commands) {}))
	s.Bad(reports.ErrBannedValidator, func(d *Draft) {
		_, cores := d.assignment(d.Slot)
		work.Core = cores[guarantors[0]]
		d.GuaranteeBy(work, d.Slot, guarantorsOf(cores, work.Core)...)
	})
	s.Good(nil)
}

// lastEpochs: first the offenders are still active but may not guarantee, then their keys are gone, with them the
// authors of some slots, and nothing becomes available any more.
func (s *script) lastEpochs() {
	for _, start := range []protocol.Slot{36, 48} {
		s.SkipTo(start)
		s.Good(nil)
		s.Good(func(d *Draft) {
			for core := range protocol.Core(s.Chain.Params.Cores) {
				if len(d.Guarantors(core, d.Slot)) < 2 {
					continue
				}
				d.Guarantee(s.Report(core, commands(storeID, func(c *services.Commands) { c.Set("epoch", string('0'+rune(start/12))) })))
			}
		})
		s.Good(assureAll)
		s.Good(nil)
		s.Good(nil)
	}
}

// newest gives the service with the highest index.
func newest(s *state.State) (id protocol.ServiceID) {
	for key := range s.All() {
		found := protocol.ServiceID(uint32(key[1]) | uint32(key[3])<<8 | uint32(key[5])<<16 | uint32(key[7])<<24)
		if key == state.AccountKey(found) && found > id {
			id = found
		}
	}
	return id
}

// guarantorsOf gives all who are assigned to a core, offenders too.
func guarantorsOf(cores []protocol.Core, core protocol.Core) (list []protocol.Validator) {
	for v := range cores {
		if cores[v] == core {
			list = append(list, protocol.Validator(v))
		}
	}
	return list
}

func (s *script) badHeaders() {
	header := func(change func(*block.Header)) func(*Draft) { return func(d *Draft) { d.Header = change } }
	s.Bad(transition.ErrBadStateRoot, header(func(h *block.Header) { h.PriorStateRoot[0] ^= 1 }))
	s.Bad(transition.ErrBadExtrinsicHash, header(func(h *block.Header) { h.ExtrinsicHash[0] ^= 1 }))
	s.Bad(safrole.ErrBadSlot, header(func(h *block.Header) { h.Slot = 0 }))
	s.Bad(safrole.ErrBadAuthor, header(func(h *block.Header) { h.Author = 6 }))
	s.Bad(safrole.ErrWrongAuthor, header(func(h *block.Header) { h.Author = (h.Author + 1) % 6 }))
	s.Bad(safrole.ErrBadEntropy, header(func(h *block.Header) { h.EntropySignature[64] ^= 1 }))
	s.Bad(safrole.ErrBadWinnersMark, header(func(h *block.Header) { h.WinnersMark = make([]block.Ticket, 12) }))
	s.Bad(disputes.ErrBadOffendersMark, header(func(h *block.Header) { h.OffendersMark = make([]protocol.Ed25519Key, 1) }))
	s.Spoilt(safrole.ErrBadSeal, nil, func(b *block.Block) { b.Header.Seal[64] ^= 1 })
}

func (s *script) badGuarantees(r *block.Report) {
	report := func(why protocol.Invalid, change func(*block.Report)) {
		s.Bad(why, func(d *Draft) {
			changed := *r
			changed.Digests = append([]block.Digest(nil), r.Digests...)
			change(&changed)
			d.GuaranteeBy(&changed, d.Slot, d.Guarantors(r.Core, d.Slot)...)
		})
	}
	report(reports.ErrBadCoreIndex, func(r *block.Report) { r.Core = 2 })
	report(reports.ErrWrongAssignment, func(r *block.Report) { r.Core = 1 })
	report(reports.ErrCoreUnauthorized, func(r *block.Report) { r.Authorizer[0] ^= 1 })
	report(reports.ErrNoResults, func(r *block.Report) { r.Digests = nil })
	report(reports.ErrBadService, func(r *block.Report) { r.Digests[0].Service = 3 })
	report(reports.ErrBadCodeHash, func(r *block.Report) { r.Digests[0].CodeHash[0] ^= 1 })
	report(reports.ErrItemGasTooLow, func(r *block.Report) { r.Digests[0].AccumulateGas = 999 })
	report(reports.ErrReportGasTooHigh, func(r *block.Report) { r.Digests[0].AccumulateGas = 10_000_001 })
	report(reports.ErrTooBig, func(r *block.Report) { r.AuthTrace = make([]byte, 48<<10) })
	report(reports.ErrAnchorNotRecent, func(r *block.Report) { r.Context.Anchor[0] ^= 1 })
	report(reports.ErrBadStateRoot, func(r *block.Report) { r.Context.AnchorStateRoot[0] ^= 1 })
	report(reports.ErrBadBeefyRoot, func(r *block.Report) { r.Context.AnchorBeefyRoot[0] ^= 1 })
	report(reports.ErrBadSegmentRoot, func(r *block.Report) { r.SegmentRoot = make([]block.SegmentRootEntry, 1) })
	report(reports.ErrManyDependencies, func(r *block.Report) { r.Context.Prerequisites = make([]protocol.Hash, 9) })

	s.Bad(reports.ErrFutureSlot, func(d *Draft) { d.GuaranteeBy(r, d.Slot+1, d.Guarantors(0, d.Slot)...) })
	s.Bad(reports.ErrFewGuarantees, func(d *Draft) { d.GuaranteeBy(r, d.Slot, d.Guarantors(0, d.Slot)[0]) })
	s.Bad(reports.ErrGuarantorOrder, func(d *Draft) {
		list := d.Guarantors(0, d.Slot)
		d.GuaranteeBy(r, d.Slot, list[1], list[0])
	})
	s.Bad(reports.ErrOrder, func(d *Draft) {
		d.Guarantee(r)
		d.Guarantee(r)
	})
	s.Bad(reports.ErrBadSignature, func(d *Draft) {
		d.Guarantee(r)
		d.Extrinsic.Guarantees[0].Credentials[0].Signature[40] ^= 1
	})
}

func (s *script) badAssurances() {
	change := func(why protocol.Invalid, change func(list []block.Assurance)) {
		s.Bad(why, func(d *Draft) {
			assureAll(d)
			change(d.Extrinsic.Assurances)
		})
	}
	change(assurances.ErrBadAnchor, func(list []block.Assurance) { list[2].Anchor[0] ^= 1 })
	change(assurances.ErrBadSignature, func(list []block.Assurance) { list[3].Signature[40] ^= 1 })
	change(assurances.ErrOrder, func(list []block.Assurance) { list[0], list[1] = list[1], list[0] })
	change(assurances.ErrBadValidatorIndex, func(list []block.Assurance) { list[5].Validator = 6 })
}

func (s *script) badPreimages() {
	s.Bad(preimages.ErrUnneeded, func(d *Draft) { d.Preimage(storeID, []byte("nobody asked for this")) })
	s.Bad(preimages.ErrOrder, func(d *Draft) {
		d.Preimage(storeID, note)
		d.Preimage(storeID, note)
	})
}
