package chainspec

import (
	"errors"
	"fmt"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/srsfile"
	"damson/state"
	"damson/state/trie"
)

// PublicID is the ID of the development chain that other clients run, too.
const PublicID = "dev"

// Recipe is what a new chain is made of. ID, Params and Validators must be set.
type Recipe struct {
	ID         string
	Params     *protocol.Params
	Validators state.Validators // as many as Params says
	Bootnodes  []Bootnode
	SRS        string // as in Spec

	// Bootstrap is the code of service 0, which has every privilege; Authorizer is that of the authorizer that all cores
	// begin with, without configuration. Nil means small ones of ours: a store, and one that lets everybody in.
	Bootstrap, Authorizer []byte

	// Examples adds the services of internal/services at their indices, so that there is something to try.
	Examples bool
}

// ErrValidators means that a chain is to have more or fewer validators than are given.
var ErrValidators = errors.New("chainspec: wrong number of validators")

// Generate makes a chain. With the ID of the public development chain, its validators and the SRS of the ceremony the header is
// that chain's; with its two codes, the state, too. With another ID or SRS the entropy is another, and so is the header.
func Generate(r *Recipe) (*Spec, error) {
	if err := r.Params.Validate(); err != nil {
		return nil, err
	}
	if len(r.Validators) != r.Params.Validators {
		return nil, fmt.Errorf("%w: %d, want %d", ErrValidators, len(r.Validators), r.Params.Validators)
	}
	bootstrap, authorizer := devchain.Bootstrap(r.Bootstrap, r.Authorizer)
	more := examples(r)
	for i := range more {
		bootstrap.Balance -= more[i].Balance // it has all that there can be
	}
	g := &devchain.Genesis{
		Params:        r.Params,
		Validators:    r.Validators,
		Seed:          r.seed(),
		Services:      append([]devchain.Account{bootstrap}, more...),
		Privileges:    state.Privileges{Assigners: make([]protocol.ServiceID, r.Params.Cores)},
		Authorizers:   []protocol.Hash{authorizer},
		MarkedEntropy: 1,
	}
	setup, err := verifying(r.SRS)
	if err != nil {
		return nil, err
	}
	sigma, err := g.State(func(keys []protocol.BandersnatchKey) (protocol.RingRoot, error) {
		return bandersnatch.CommitRing(setup, keys)
	})
	if err != nil {
		return nil, err
	}
	s := &Spec{ID: r.ID, Bootnodes: r.Bootnodes, Header: g.Header().AppendTo(nil), Params: r.Params, SRS: r.SRS}
	if s.SRS == zcash {
		s.SRS = ""
	}
	for key, value := range sigma.All() {
		s.State = append(s.State, trie.Change{Key: key, Value: value})
	}
	return s, s.check()
}

// exampleBalance is what each example has for its storage.
const exampleBalance = 1 << 50

// examples are the services beside service 0.
func examples(r *Recipe) []devchain.Account {
	if !r.Examples {
		return nil
	}
	return []devchain.Account{
		{ID: services.TokenID, Code: services.Token(), Balance: exampleBalance},
		{ID: services.RelayID, Code: services.Relay(), Balance: exampleBalance},
		{ID: services.RunnerID, Code: services.Runner(), Balance: exampleBalance},
		{ID: services.CounterID, Code: services.Counter(), Balance: exampleBalance},
	}
}

// seed is what the entropy follows from: nothing for the public chain, and what sets a chain apart from it for others.
func (r *Recipe) seed() string {
	if r.SRS == srsfile.DevInsecure {
		return "srs: " + r.SRS + ", id: " + r.ID
	}
	if r.ID == PublicID {
		return ""
	}
	return "id: " + r.ID
}

// verifying gives a setup that verifies.
func verifying(kind string) (*bandersnatch.Setup, error) {
	switch kind {
	case "", zcash:
		return bandersnatch.Zcash(), nil
	case srsfile.DevInsecure:
		return bandersnatch.NewSetup(srs.Development()), nil
	}
	return nil, fmt.Errorf("%.80q: %w", kind, ErrSRS)
}
