package devchain

import (
	"math"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/state"
	"damson/state/safrole"
	"damson/state/service"
	"damson/state/trie"
)

// Genesis is how a chain begins.
type Genesis struct {
	Params     *protocol.Params
	Validators state.Validators // of the first epochs
	Seed       string           // the entropy follows from it
	Services   []Account
	Privileges state.Privileges

	// AuthorizerHost keeps the code of the authorizer services.Anyone. The pool and the queue of every core go in turn
	// through authorizers with that code and the configurations.
	AuthorizerHost protocol.ServiceID
	Configurations []string

	Authorizers   []protocol.Hash // if given, pools and queues go through these instead
	MarkedEntropy int             // which of the entropies the header's mark begins with; 1 on the public chains
}

// Account is a service of the genesis.
type Account struct {
	ID                     protocol.ServiceID
	Code                   *services.Code
	Balance, Gratis        protocol.Balance
	MinItemGas, MinMemoGas protocol.Gas
	Preimages              [][]byte // besides its code
	Filled                 uint64   // so many numbers from 0 on are stored as services.Commands.Fill does, with Value
	Value                  uint64
}

// What an item and a transfer must at least bring along for service 0, as on the public chains.
const bootstrapGas = 10

// Bootstrap makes service 0 as the public chains have it, with all the balance that there can be, and the authorizer that
// their pools and queues hold, whose code it keeps and which has no configuration. Nil means codes of ours: the store, and the
// authorizer for everybody.
func Bootstrap(service, authorizer []byte) (Account, protocol.Hash) {
	code, keeps := services.Store(), services.Anyone()
	if service != nil {
		code = &services.Code{Name: "bootstrap", Blob: service, Hash: blake2b.Sum256(service)}
	}
	if authorizer != nil {
		keeps = &services.Code{Name: "authorizer", Blob: authorizer, Hash: blake2b.Sum256(authorizer)}
	}
	account := Account{
		Code: code, Balance: math.MaxUint64, Gratis: math.MaxUint64,
		MinItemGas: bootstrapGas, MinMemoGas: bootstrapGas, Preimages: [][]byte{keeps.Blob},
	}
	return account, blake2b.Sum256(keeps.Hash[:]) // no configuration follows. GP §14.3
}

// authorizer is what pools and queues hold for a configuration. GP §14.3.
func authorizer(configuration string) protocol.Hash {
	code := services.Anyone().Hash
	return blake2b.Sum256(append(code[:], configuration...))
}

// Header is that of the genesis: like those of the official chains it has an epoch mark and no author.
func (g *Genesis) Header() *block.Header {
	entropy, first := g.entropy(), g.MarkedEntropy
	mark := &block.EpochMark{Entropy: entropy[first], TicketsEntropy: entropy[first+1]}
	for i := range g.Validators {
		k := &g.Validators[i]
		mark.Validators = append(mark.Validators, block.EpochMarkKeys{Bandersnatch: k.Bandersnatch, Ed25519: k.Ed25519})
	}
	return &block.Header{EpochMark: mark, Author: 1<<16 - 1}
}

func (g *Genesis) entropy() *state.Entropy {
	var e state.Entropy
	for i := range e {
		e[i] = blake2b.Sum256(append([]byte(g.Seed), byte(i)))
	}
	return &e
}

// State makes σ at slot 0.
func (g *Genesis) State(ringRoot safrole.RingRoot) (*state.State, error) {
	p := g.Params
	keys := make([]protocol.BandersnatchKey, len(g.Validators))
	for i := range keys {
		keys[i] = g.Validators[i].Bandersnatch
	}
	root, err := ringRoot(keys)
	if err != nil {
		return nil, err
	}
	entropy := g.entropy()
	pools, queues := make(state.AuthPools, p.Cores), make(state.AuthQueues, p.Cores)
	for core := range pools {
		for i := range p.AuthPoolSize {
			pools[core] = append(pools[core], g.turn(core+i))
		}
		for i := range p.AuthQueueSize {
			queues[core] = append(queues[core], g.turn(core+i))
		}
	}
	entries := []trie.Change{
		entry(state.AuthPoolsKey, pools),
		entry(state.AuthQueuesKey, queues),
		entry(state.RecentKey, &state.Recent{Blocks: []state.RecentBlock{{HeaderHash: g.Header().Hash()}}}),
		entry(state.SafroleKey, &state.Safrole{
			Pending: g.Validators, RingRoot: root,
			SealKeys: state.SealKeys{Keys: safrole.FallbackKeys(p, entropy[2], g.Validators)},
		}),
		entry(state.DisputesKey, new(state.Disputes)),
		entry(state.EntropyKey, entropy),
		entry(state.StagingKey, g.Validators),
		entry(state.ActiveKey, g.Validators),
		entry(state.PreviousKey, g.Validators),
		entry(state.ReportsKey, make(state.Reports, p.Cores)),
		{Key: state.SlotKey.Key(), Value: codec.AppendU32(nil, 0)},
		entry(state.PrivilegesKey, &g.Privileges),
		entry(state.ActivityKey, &state.Activity{
			Current:  make([]state.ValidatorActivity, p.Validators),
			Previous: make([]state.ValidatorActivity, p.Validators),
			Cores:    make([]state.CoreActivity, p.Cores),
		}),
		entry(state.ReadyKey, make(state.Ready, p.EpochLength)),
		entry(state.AccumulatedKey, make(state.Accumulated, p.EpochLength)),
		entry(state.LastOutputsKey, state.LastOutputs{}),
	}
	for i := range g.Services {
		entries = g.Services[i].appendTo(entries)
	}
	return state.New(p, entries), nil
}

// turn is an authorizer for a place in a pool or a queue.
func (g *Genesis) turn(i int) protocol.Hash {
	if len(g.Authorizers) > 0 {
		return g.Authorizers[i%len(g.Authorizers)]
	}
	return authorizer(g.Configurations[i%len(g.Configurations)])
}

func entry(key state.Component, value interface{ AppendTo([]byte) []byte }) trie.Change {
	return trie.Change{Key: key.Key(), Value: value.AppendTo(nil)}
}

// What a value of storage counts for beside its octets. GP eq:deposits.
const storageOctets = 34

// appendTo appends the entries of the account, its code and preimages, which are available from slot 0 on, and its
// storage. The entries of storage are made side by side and not by a service.Accounts, since they may be millions.
func (a *Account) appendTo(entries []trie.Change) []trie.Change {
	accounts := service.New(nowhere{})
	accounts.Create(a.ID, &state.Account{
		CodeHash: a.Code.Hash, Balance: a.Balance, Gratis: a.Gratis, MinItemGas: a.MinItemGas, MinMemoGas: a.MinMemoGas,
	})
	for _, blob := range append([][]byte{a.Code.Blob}, a.Preimages...) {
		hash := blake2b.Sum256(blob)
		accounts.SetRequest(a.ID, hash, uint32(len(blob)), []protocol.Slot{0})
		accounts.SetPreimage(a.ID, hash, blob)
	}
	value := codec.AppendU64(nil, a.Value)
	account := accounts.Update(a.ID)
	account.Items += uint32(a.Filled)
	account.Octets += a.Filled * (storageOctets + 8 + 8)
	for key, value := range accounts.Changes() {
		entries = append(entries, trie.Change{Key: key, Value: value})
	}
	entries = slices.Grow(entries, int(a.Filled))
	filled := entries[len(entries) : len(entries)+int(a.Filled)]
	each(len(filled), func(i int) {
		filled[i] = trie.Change{Key: state.StorageKey(a.ID, services.FillKey(uint64(i))), Value: value}
	})
	return entries[:len(entries)+len(filled)]
}

// nowhere is a state without entries.
type nowhere struct{}

func (nowhere) Get(protocol.StateKey) ([]byte, bool) { return nil, false }
