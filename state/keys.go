package state

import (
	"encoding/binary"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
)

// Component numbers the parts of σ as their keys in the trie do: C(i). GP §D.1.
type Component uint8

// The components that have one key.
const (
	AuthPoolsKey   Component = 1  // α
	AuthQueuesKey  Component = 2  // φ
	RecentKey      Component = 3  // β
	SafroleKey     Component = 4  // γ
	DisputesKey    Component = 5  // ψ
	EntropyKey     Component = 6  // η
	StagingKey     Component = 7  // ι
	ActiveKey      Component = 8  // κ
	PreviousKey    Component = 9  // λ
	ReportsKey     Component = 10 // ρ
	SlotKey        Component = 11 // τ
	PrivilegesKey  Component = 12 // χ
	ActivityKey    Component = 13 // π
	ReadyKey       Component = 14 // ω
	AccumulatedKey Component = 15 // ξ
	LastOutputsKey Component = 16 // θ
	accountChapter Component = 255
)

// componentNames are the nouns of the components, by number.
var componentNames = [...]string{
	"", "authorization pools α", "authorization queues φ", "recent history β", "safrole γ", "disputes ψ", "entropy η",
	"staging validators ι", "active validators κ", "previous validators λ", "reports ρ", "slot τ", "privileges χ",
	"activity π", "ready reports ω", "accumulated packages ξ", "last outputs θ",
}

// String names the component.
func (c Component) String() string {
	if int(c) < len(componentNames) {
		return componentNames[c]
	}
	return "service accounts δ"
}

// Key is C(i).
func (c Component) Key() (k protocol.StateKey) {
	k[0] = byte(c)
	return k
}

// AccountKey is C(255, s).
func AccountKey(s protocol.ServiceID) (k protocol.StateKey) {
	k[0] = byte(accountChapter)
	k[1], k[3], k[5], k[7] = byte(s), byte(s>>8), byte(s>>16), byte(s>>24)
	return k
}

// AccountOf gives the service whose account a key names: the inverse of AccountKey. It reports false for other keys.
func AccountOf(k *protocol.StateKey) (protocol.ServiceID, bool) {
	if k[0] != byte(accountChapter) {
		return 0, false
	}
	s := protocol.ServiceID(k[1]) | protocol.ServiceID(k[3])<<8 | protocol.ServiceID(k[5])<<16 | protocol.ServiceID(k[7])<<24
	return s, *k == AccountKey(s)
}

// Prefixes that keep the three dictionaries of a service apart.
const (
	storagePrefix  = 1<<32 - 1
	preimagePrefix = 1<<32 - 2
)

// StorageKey is C(s, E₄(2³²−1) ⌢ k).
func StorageKey(s protocol.ServiceID, key []byte) protocol.StateKey {
	var small [128]byte
	return ServiceKey(s, blake2b.Sum256(append(binary.LittleEndian.AppendUint32(small[:0], storagePrefix), key...)))
}

// PreimageKey is C(s, E₄(2³²−2) ⌢ h).
func PreimageKey(s protocol.ServiceID, hash protocol.Hash) protocol.StateKey {
	var h [36]byte
	binary.LittleEndian.PutUint32(h[:], preimagePrefix)
	copy(h[4:], hash[:])
	return ServiceKey(s, blake2b.Sum256(h[:]))
}

// RequestKey is C(s, E₄(l) ⌢ h): the request for the preimage of a hash with a length.
func RequestKey(s protocol.ServiceID, hash protocol.Hash, length uint32) protocol.StateKey {
	var h [36]byte
	binary.LittleEndian.PutUint32(h[:], length)
	copy(h[4:], hash[:])
	return ServiceKey(s, blake2b.Sum256(h[:]))
}

// StorageHasher begins the hash for StorageKey, for a key that comes in pieces: the key is to be written to it, and
// its sum is for ServiceKey.
func StorageHasher() (h blake2b.Hasher) {
	h.Write(binary.LittleEndian.AppendUint32(nil, storagePrefix))
	return h
}

// ServiceKey is C(s, h) when the hash of h is known: the service's octets and the hash's first ones, woven.
func ServiceKey(s protocol.ServiceID, a [blake2b.Size]byte) (k protocol.StateKey) {
	k[0], k[2], k[4], k[6] = byte(s), byte(s>>8), byte(s>>16), byte(s>>24)
	k[1], k[3], k[5], k[7] = a[0], a[1], a[2], a[3]
	copy(k[8:], a[4:27])
	return k
}
