package devchain

import (
	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/internal/services"
	"damson/state"
)

// BigState makes a chain, on tiny parameters, of a service with so many storage keys and two blocks after it, of which
// the second changes some of the keys, spread evenly.
func BigState(engine pvm.Engine, keys uint64, changed uint32) (*Chain, error) {
	p := protocol.Tiny()
	b := New(Options{Params: p, Engine: engine})
	g := &Genesis{
		Params: p, Validators: b.Validators(), Seed: "big state", AuthorizerHost: storeID, Configurations: []string{"all"},
		Services: []Account{{
			ID: storeID, Code: services.Store(), Balance: 1 << 60, Preimages: [][]byte{services.Anyone().Blob},
			Filled: keys, Value: 1,
		}},
		Privileges: state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	}
	a, err := NewAuthor(b, g)
	if err != nil {
		return nil, err
	}
	items := commands(storeID, func(c *services.Commands) { c.Fill(0, keys/uint64(changed), changed, 2) })
	items[0].Gas = p.ReportGas - 1 // the most that a package may ask for
	work := a.Report(0, items)
	a.Good(func(d *Draft) { d.Guarantee(work) })
	a.Good(assureAll)
	return a.Chain, a.Err
}

// fullStores is how many services share the work of FullSize.
const fullStores = 64

// FullSize makes a chain of so many blocks on full parameters. Each has a guarantee with three signatures for each of
// the 341 cores and, from the second on, the assurances of all 1,023 validators that make the reports of the block before
// available, so that 341 reports are accumulated. Each report sets ten values in one of 64 services, which pays another of
// them. The fourth block begins an epoch; it and those after it bring sixteen tickets each, whose proofs take seconds to make.
// They rest on the development setup.
func FullSize(engine pvm.Engine, blocks int) (*Chain, error) {
	p := protocol.Full()
	b := New(Options{Params: p, Engine: engine, Setup: bandersnatch.NewSetup(srs.Development())})
	g := &Genesis{
		Params: p, Validators: b.Validators(), Seed: "full size", AuthorizerHost: storeID,
		Configurations: []string{"north", "east", "south"},
		Privileges:     state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
	}
	for i := range protocol.ServiceID(fullStores) {
		g.Services = append(g.Services, Account{
			ID: storeID + i, Code: services.Store(), Balance: 1 << 50, Preimages: [][]byte{services.Anyone().Blob}, Filled: 1000,
		})
	}
	a, err := NewAuthor(b, g)
	if err != nil {
		return nil, err
	}
	a.SkipTo(p.EpochLength - 3)
	for i := range blocks {
		a.Good(func(d *Draft) {
			if i > 0 {
				assureAll(d)
			}
			for core := range protocol.Core(p.Cores) {
				d.Guarantee(a.Report(core, fullItems(core, i)))
			}
			if _, phase := p.Epoch(d.Slot); phase < p.ContestLength {
				d.Tickets(protocol.Validator(i*p.MaxBlockTickets), 0)
			}
		})
	}
	return a.Chain, a.Err
}

// fullItems is the work of a core for a block of FullSize.
func fullItems(core protocol.Core, number int) []Item {
	from := storeID + protocol.ServiceID(core)%fullStores
	to := storeID + protocol.ServiceID(core+1)%fullStores
	return commands(from, func(c *services.Commands) {
		c.Fill(uint64(core)/fullStores*10, 1, 10, uint64(number))
		c.Transfer(to, 1, 10_000, "one for you")
	})
}
