// Package chainspec reads and writes the specification of a chain, as JIP-4 has it: what a node must know to join. Spec is
// one; generate.go makes new ones.
package chainspec

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"damson/crypto/bandersnatch"
	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/srsfile"
	"damson/state"
	"damson/state/trie"
)

// Why a specification is refused.
const (
	ErrSyntax    = protocol.Invalid("chainspec/bad_syntax")
	ErrTwice     = protocol.Invalid("chainspec/key_stands_twice")
	ErrMissing   = protocol.Invalid("chainspec/key_is_missing")
	ErrID        = protocol.Invalid("chainspec/bad_id")
	ErrBootnode  = protocol.Invalid("chainspec/bad_bootnode")
	ErrHeader    = protocol.Invalid("chainspec/bad_genesis_header")
	ErrState     = protocol.Invalid("chainspec/bad_genesis_state")
	ErrParams    = protocol.Invalid("chainspec/bad_protocol_parameters")
	ErrSRS       = protocol.Invalid("chainspec/unknown_srs")
	ErrRingRoot  = protocol.Invalid("chainspec/ring_root_is_not_that_of_the_keys")
	ErrUnrelated = protocol.Invalid("chainspec/state_does_not_follow_the_header")
)

// Spec is the specification of a chain. Its state is what follows the genesis header.
type Spec struct {
	ID        string
	Bootnodes []Bootnode
	Header    []byte        // encoded
	State     []trie.Change // by ascending key
	Params    *protocol.Params
	SRS       string // what ring proofs rest on: empty for that of the Zcash ceremony, or srsfile.DevInsecure. Not in JIP-4
}

// Bootnode is a node that accepts connections.
type Bootnode struct {
	Key     protocol.Ed25519Key
	Address netip.AddrPort
}

// String gives the form of JIP-4.
func (b Bootnode) String() string { return b.Key.PeerName() + "@" + b.Address.String() }

// ParseBootnode reads name@ip:port. An IPv6 address may stand in brackets or without.
func ParseBootnode(text string) (b Bootnode, err error) {
	name, address, _ := strings.Cut(text, "@")
	if b.Key, err = protocol.ParsePeerName(name); err != nil {
		return b, fmt.Errorf("%.80q: %w", text, ErrBootnode)
	}
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return b, fmt.Errorf("%.80q: %w", text, ErrBootnode)
	}
	host := address[:colon]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return b, fmt.Errorf("%.80q: %w", text, ErrBootnode)
		}
	}
	ip, err := netip.ParseAddr(host)
	port, portErr := strconv.ParseUint(address[colon+1:], 10, 16)
	if err != nil || portErr != nil || ip.Zone() != "" {
		return b, fmt.Errorf("%.80q: %w", text, ErrBootnode)
	}
	b.Address = netip.AddrPortFrom(ip, uint16(port))
	return b, nil
}

// HeaderHash is the hash of the genesis header, which names the chain.
func (s *Spec) HeaderHash() protocol.Hash { return blake2b.Sum256(s.Header) }

// ALPN is what nodes of the chain agree on when they connect: it carries the first four octets of the hash.
func (s *Spec) ALPN() string {
	hash := s.HeaderHash()
	return "jamnp-s/0/" + hex.EncodeToString(hash[:4])
}

// DecodeHeader decodes the genesis header.
func (s *Spec) DecodeHeader() (*block.Header, error) {
	h := new(block.Header)
	d := codec.NewDecoder(s.Header)
	h.DecodeFrom(&d, s.Params)
	if d.Err() == nil && len(d.Rest()) > 0 {
		return nil, fmt.Errorf("%d octets after the header: %w", len(d.Rest()), ErrHeader)
	}
	if d.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, d.Err())
	}
	return h, nil
}

// Genesis makes the state.
func (s *Spec) Genesis() *state.State { return state.New(s.Params, s.State) }

// Setup makes what the chain's ring proofs are verified and made with. With [srsfile.ErrNone] it gives a setup all the same,
// that cannot prove.
func (s *Spec) Setup(o srsfile.Options) (*bandersnatch.Setup, error) { return srsfile.Setup(s.SRS, o) }

// Insecure tells whether anybody can forge tickets on the chain.
func (s *Spec) Insecure() bool { return s.SRS == srsfile.DevInsecure }

// check looks at everything but whether the parts belong together.
func (s *Spec) check() error {
	if s.ID == "" || len(s.ID) > maxID || strings.ContainsFunc(s.ID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%.80q: %w", s.ID, ErrID)
	}
	if s.SRS != "" && s.SRS != srsfile.DevInsecure {
		return fmt.Errorf("%.80q: %w", s.SRS, ErrSRS)
	}
	if _, err := s.DecodeHeader(); err != nil {
		return err
	}
	return checkComponents(s.Genesis())
}

const maxID = 64

// checkComponents decodes all components.
func checkComponents(sigma *state.State) error {
	for _, component := range []struct {
		name   string
		decode func() error
	}{
		{"α", ignore(sigma.AuthPools)},
		{"φ", ignore(sigma.AuthQueues)},
		{"β", ignore(sigma.Recent)},
		{"γ", ignore(sigma.Safrole)},
		{"ψ", ignore(sigma.Disputes)},
		{"η", ignore(sigma.Entropy)},
		{"ι", ignore(sigma.Staging)},
		{"κ", ignore(sigma.Active)},
		{"λ", ignore(sigma.Previous)},
		{"ρ", ignore(sigma.Reports)},
		{"τ", ignore(sigma.Slot)},
		{"χ", ignore(sigma.Privileges)},
		{"π", ignore(sigma.Activity)},
		{"ω", ignore(sigma.Ready)},
		{"ξ", ignore(sigma.Accumulated)},
		{"θ", ignore(sigma.LastOutputs)},
	} {
		if err := component.decode(); err != nil {
			return fmt.Errorf("%s: %w: %w", component.name, ErrState, err)
		}
	}
	return nil
}

func ignore[T any](get func() (T, error)) func() error {
	return func() error {
		_, err := get()
		return err
	}
}

// Check tells whether the parts of the specification belong together: the state knows the header, and its ring root is that
// of the keys on what the chain's proofs rest on. A chain that fails may start all the same, and will not get far.
func (s *Spec) Check() error {
	sigma := s.Genesis()
	recent, err := sigma.Recent()
	if err != nil {
		return err
	}
	if n := len(recent.Blocks); n != 1 || recent.Blocks[0].HeaderHash != s.HeaderHash() {
		return ErrUnrelated
	}
	safrole, err := sigma.Safrole()
	if err != nil {
		return err
	}
	keys := make([]protocol.BandersnatchKey, len(safrole.Pending))
	for i := range keys {
		keys[i] = safrole.Pending[i].Bandersnatch
	}
	setup, err := verifying(s.SRS)
	if err != nil {
		return err
	}
	root, err := bandersnatch.CommitRing(setup, keys)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRingRoot, err)
	}
	if root != safrole.RingRoot {
		return ErrRingRoot
	}
	return nil
}

// Services lists the services of the state.
func (s *Spec) Services() []protocol.ServiceID {
	var ids []protocol.ServiceID
	for i := range s.State {
		k := &s.State[i].Key
		id := protocol.ServiceID(k[1]) | protocol.ServiceID(k[3])<<8 | protocol.ServiceID(k[5])<<16 | protocol.ServiceID(k[7])<<24
		if *k == state.AccountKey(id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, cmp.Compare[protocol.ServiceID])
	return ids
}
