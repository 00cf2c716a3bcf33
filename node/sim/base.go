package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"damson/crypto/bandersnatch"
	"damson/crypto/bandersnatch/srs"
	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/node/author"
	"damson/node/importer"
	"damson/node/keys"
	"damson/state"
	"damson/state/claim"
	"damson/state/trie"
)

// Base is what all worlds of one chain can share, because it does not depend on what happens in them: the validators, the
// genesis, and what is known of keys, rings and claims. It is safe for concurrent use.
type Base struct {
	Params  *protocol.Params
	Keys    []*keys.Validator
	Header  *block.Header
	public  state.Validators
	index   map[protocol.Ed25519Key]int
	entries []trie.Change // of the state after the genesis

	real     bool // ring proofs are
	setup    *bandersnatch.Setup
	importer *importer.Importer
	proofs   *claim.Verifier // of real ones

	mu      sync.Mutex
	members map[protocol.RingRoot]map[protocol.BandersnatchKey]bool
	tickets map[judged]bool
	good    map[protocol.Hash]bool // signatures
}

type judged struct {
	ring  protocol.RingRoot
	input string
	proof protocol.RingSignature
}

// maxJudged bounds the tickets whose worth is remembered.
const maxJudged = 1 << 14

// NewBase makes a chain for simulations. With real proofs tickets are what they are elsewhere; without, a ticket is a VRF
// signature that names its signer, who must be in the ring: it has the same output, nobody else can make it, and it costs a
// hundredth.
func NewBase(p *protocol.Params, engine pvm.Engine, realProofs bool) (*Base, error) {
	b := &Base{
		Params: p, real: realProofs, setup: bandersnatch.NewSetup(srs.Development()),
		members: make(map[protocol.RingRoot]map[protocol.BandersnatchKey]bool), tickets: make(map[judged]bool),
		good:  make(map[protocol.Hash]bool),
		index: make(map[protocol.Ed25519Key]int),
	}
	options := claim.Options{Setup: b.setup}
	b.proofs = claim.New(options)
	if !realProofs {
		options.Ticket, options.Share = b.judge, b.share
	}
	var err error
	if b.importer, err = importer.New(importer.Options{Params: p, Engine: engine, Claims: options}); err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	ring := make([]protocol.BandersnatchKey, p.Validators)
	b.Keys = make([]*keys.Validator, p.Validators)
	for i := range b.Keys {
		b.Keys[i] = keys.Trivial(uint32(i)).Derive()
		b.index[b.Keys[i].Ed25519.Public()] = i
		b.public = append(b.public, b.Keys[i].Public(addressOf(i)))
		ring[i] = b.public[i].Bandersnatch
	}
	account, authorizer := devchain.Bootstrap(nil, nil)
	g := &devchain.Genesis{
		Params: p, Validators: b.public, Seed: "node/sim", Services: []devchain.Account{account},
		Privileges:  state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
		Authorizers: []protocol.Hash{authorizer},
	}
	sigma, err := g.State(b.importer.Verifier().RingRoot)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	for key, value := range sigma.All() {
		b.entries = append(b.entries, trie.Change{Key: key, Value: value})
	}
	b.Header = g.Header()
	root, err := b.importer.Verifier().RingRoot(ring)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	b.admit(root, ring)
	return b, nil
}

// addressOf is where a validator is reached.
func addressOf(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 40000)
}

// genesis gives the state after the genesis.
func (b *Base) genesis() *state.State { return state.New(b.Params, b.entries) }

// admit notes who is in a ring.
func (b *Base) admit(root protocol.RingRoot, ring []protocol.BandersnatchKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.members[root] != nil {
		return
	}
	members := make(map[protocol.BandersnatchKey]bool, len(ring))
	for _, key := range ring {
		members[key] = true
	}
	b.members[root] = members
}

// prover makes tickets that judge takes for good; nil with real proofs.
func (b *Base) prover() author.Prover {
	if b.real {
		return nil
	}
	return func(keys [][bandersnatch.PublicKeySize]byte) (author.Prove, error) {
		ring := make([]protocol.BandersnatchKey, len(keys))
		for i := range keys {
			ring[i] = keys[i]
		}
		root, err := b.importer.Verifier().RingRoot(ring) // another one if somebody has offended
		if err == nil {
			b.admit(root, ring)
		}
		return simulatedTicket, err
	}
}

func simulatedTicket(key *bandersnatch.SecretKey, input []byte) (proof protocol.RingSignature, err error) {
	signature, public := key.Sign(input, nil), key.Public().Bytes()
	copy(proof[copy(proof[:], signature[:]):], public[:])
	return proof, nil
}

// holder gives whose a Bandersnatch key is.
func (b *Base) holder(key protocol.BandersnatchKey) int {
	return slices.IndexFunc(b.public, func(k state.ValidatorKeys) bool { return k.Bandersnatch == key })
}

// judge says whether a ticket is good.
func (b *Base) judge(t *claim.Ticket) bool {
	b.mu.Lock()
	members := b.members[t.Ring]
	b.mu.Unlock()
	return once(b, b.tickets, maxJudged, judged{t.Ring, string(t.Input), *t.Proof}, func() bool {
		signature, rest := t.Proof[:bandersnatch.SignatureSize], t.Proof[bandersnatch.SignatureSize:]
		public, rest := protocol.BandersnatchKey(rest[:bandersnatch.PublicKeySize]), rest[bandersnatch.PublicKeySize:]
		if members[public] && bytes.Count(rest, []byte{0}) == len(rest) { // nothing is left that anybody could change
			key, err := bandersnatch.ParsePublicKey(public[:])
			return err == nil && key.Verify(t.Input, nil, signature) == nil
		}
		return b.proofs.Tickets([]claim.Ticket{*t}) == nil
	})
}

// maxShared bounds the signatures whose worth is remembered.
const maxShared = 1 << 16

// share says whether a signature is good, which is looked at once.
func (b *Base) share(name protocol.Hash, judge func() bool) bool {
	return once(b, b.good, maxShared, name, judge)
}

// once gives what is known of a thing, or judges it and remembers that, of at most so many.
func once[K comparable](b *Base, known map[K]bool, most int, thing K, judge func() bool) bool {
	b.mu.Lock()
	good, ok := known[thing]
	b.mu.Unlock()
	if ok {
		return good
	}
	good = judge()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(known) >= most {
		clear(known)
	}
	known[thing] = good
	return good
}

// reader is a reader of random octets.
type reader struct{ *rand.Rand }

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return len(p), nil
}
