package safrole

import (
	"encoding/binary"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
)

// outsideIn is Z: the first ticket, the last, the second, the last but one, and so on. GP §6.5.
func outsideIn(tickets []block.Ticket) []block.Ticket {
	out := make([]block.Ticket, len(tickets))
	for i := range out {
		if i%2 == 0 {
			out[i] = tickets[i/2]
		} else {
			out[i] = tickets[len(tickets)-1-i/2]
		}
	}
	return out
}

// FallbackKeys is F: a key for each slot, picked by entropy. GP eq:fallbackkeysequence.
func FallbackKeys(p *protocol.Params, entropy protocol.Hash, active state.Validators) []protocol.BandersnatchKey {
	keys := make([]protocol.BandersnatchKey, p.EpochLength)
	var seed [len(entropy) + 4]byte
	copy(seed[:], entropy[:])
	for i := range keys {
		binary.LittleEndian.PutUint32(seed[len(entropy):], uint32(i))
		digest := blake2b.Sum256(seed[:])
		number := binary.LittleEndian.Uint32(digest[:4])
		keys[i] = active[uint64(number)%uint64(len(active))].Bandersnatch
	}
	return keys
}
