// Package protocol holds the words that every other package speaks: hashes, slots, identifiers,
// gas, the chain's parameters, and the error that says that a block is bad.
//
// It imports nothing of this module. Figures and letters are those of the Gray Paper.
package protocol

import "encoding/hex"

// GrayPaper is the version of the Gray Paper that this node implements.
const GrayPaper = "0.7.2"

type (
	// Hash is any 32-octet digest: ℍ.
	Hash [32]byte
	// StateKey is a 31-octet key of the state trie. GP §D.1.
	StateKey [31]byte
	// Slot counts six-second periods since the start of the JAM Common Era.
	Slot uint32
	// ServiceID names a service account. GP eq:serviceaccounts.
	ServiceID uint32
	// Core is the index of a core, less than Params.Cores.
	Core uint16
	// Validator is an index into a validator set, less than Params.Validators.
	Validator uint16
	// Gas is ℕ_G, the unit of execution time.
	Gas uint64
	// Balance is ℕ_B, the token of the chain.
	Balance uint64
)

type (
	// Ed25519Key is a validator's Ed25519 public key.
	Ed25519Key [32]byte
	// BandersnatchKey is a validator's Bandersnatch public key, compressed.
	BandersnatchKey [32]byte
	// BLSKey is a validator's BLS12-381 public key: a G₁ point and a G₂ point, compressed.
	BLSKey [144]byte
	// Ed25519Signature is an RFC 8032 signature.
	Ed25519Signature [64]byte
	// VRFSignature is a Bandersnatch signature without ring: seals and entropy.
	VRFSignature [96]byte
	// RingSignature is a Bandersnatch ring VRF proof: tickets.
	RingSignature [784]byte
	// RingRoot commits to the Bandersnatch keys of a validator set: γ_Z.
	RingRoot [144]byte
)

// String gives the hash in hexadecimal, with 0x.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// String gives the key in hexadecimal, with 0x.
func (k StateKey) String() string { return "0x" + hex.EncodeToString(k[:]) }

// Signing contexts X. GP §I.4.5. The dollar sign of the paper only marks a string.
const (
	ContextAvailable    = "jam_available"
	ContextBeefy        = "jam_beefy"
	ContextEntropy      = "jam_entropy"
	ContextFallbackSeal = "jam_fallback_seal"
	ContextGuarantee    = "jam_guarantee"
	ContextAnnounce     = "jam_announce"
	ContextTicketSeal   = "jam_ticket_seal"
	ContextAudit        = "jam_audit"
	ContextValid        = "jam_valid"
	ContextInvalid      = "jam_invalid"
)

// Invalid is the rule that a block or a message breaks. Any other error means that this node failed.
// It reads "part/condition", the condition in the words of the conformance vectors.
type Invalid string

func (e Invalid) Error() string { return string(e) }

// Code is the condition alone, as the conformance vectors spell it: bad_slot.
func (e Invalid) Code() string {
	for i := len(e) - 1; i >= 0; i-- {
		if e[i] == '/' {
			return string(e[i+1:])
		}
	}
	return string(e)
}
