package protocol

import "strings"

// PeerNameSize is the length of a peer name.
const PeerNameSize = 1 + peerDigits

const (
	peerDigits   = 52 // of 5 bits, for 256
	peerAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// ErrPeerName means that a text is not the name of a key.
const ErrPeerName = Invalid("protocol/bad_peer_name")

// PeerName is what the network calls the holder of a key, in certificates and lists of nodes: "e" and the key as a
// little-endian number in 52 digits of five bits, the least significant first. It is not the base 32 of RFC 4648.
func (k Ed25519Key) PeerName() string {
	name := make([]byte, 1, PeerNameSize)
	name[0] = 'e'
	var bits, held uint
	for _, octet := range k {
		bits |= uint(octet) << held
		for held += 8; held >= 5; held -= 5 {
			name = append(name, peerAlphabet[bits&31])
			bits >>= 5
		}
	}
	return string(append(name, peerAlphabet[bits]))
}

// ParsePeerName gives the key that a name stands for.
func ParsePeerName(name string) (k Ed25519Key, err error) {
	if len(name) != PeerNameSize || name[0] != 'e' {
		return k, ErrPeerName
	}
	var bits, held uint
	octets := k[:0]
	for i := 1; i < len(name); i++ {
		digit := strings.IndexByte(peerAlphabet, name[i])
		if digit < 0 {
			return Ed25519Key{}, ErrPeerName
		}
		bits |= uint(digit) << held
		if held += 5; held >= 8 {
			octets = append(octets, byte(bits))
			bits >>= 8
			held -= 8
		}
	}
	if bits != 0 { // the last digit has four bits too many
		return Ed25519Key{}, ErrPeerName
	}
	return k, nil
}
