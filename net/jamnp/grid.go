package jamnp

import (
	"bytes"
	"encoding/binary"
	"math"

	"damson/internal/protocol"
)

// Width gives W, how many validators stand in a row of the grid of V validators. JAMNP-S, "Grid structure".
func Width(validators int) int {
	w := int(math.Sqrt(float64(validators)))
	for w*w > validators {
		w--
	}
	for (w+1)*(w+1) <= validators {
		w++
	}
	return w
}

// Neighbours says whether two validators of one epoch are neighbours in the grid: another in the same row or column. Those of
// different epochs are if they have the same index.
func Neighbours(a, b protocol.Validator, validators int) bool {
	w := protocol.Validator(Width(validators))
	return a != b && w > 0 && (a/w == b/w || a%w == b%w)
}

// NeighboursOf lists the neighbours of a validator of the same epoch, in ascending order.
func NeighboursOf(index protocol.Validator, validators int) []protocol.Validator {
	var out []protocol.Validator
	for other := range protocol.Validator(validators) {
		if Neighbours(index, other, validators) {
			out = append(out, other)
		}
	}
	return out
}

// PreferredInitiator gives which of two validators opens their connection. JAMNP-S, "Required connectivity".
func PreferredInitiator(a, b PeerID) PeerID {
	if (a[31] > 127) != (b[31] > 127) != (bytes.Compare(a[:], b[:]) < 0) {
		return a
	}
	return b
}

// TicketProxy gives which of the next epoch's validators hands a ticket on. JAMNP-S, CE 131.
func TicketProxy(id protocol.Hash, validators int) protocol.Validator {
	return protocol.Validator(binary.BigEndian.Uint32(id[28:]) % uint32(validators))
}

// ShardOf gives which shard of a core's report a validator keeps. JAMNP-S, "Shard assignment".
func ShardOf(core protocol.Core, v protocol.Validator, p *protocol.Params) uint16 {
	return uint16((int(core)*p.RecoveryThreshold() + int(v)) % p.Validators)
}

// HolderOf gives which validator keeps a shard of a core's report: the inverse of ShardOf.
func HolderOf(core protocol.Core, shard uint16, p *protocol.Params) protocol.Validator {
	at := (int(shard) - int(core)*p.RecoveryThreshold()) % p.Validators
	return protocol.Validator((at + p.Validators) % p.Validators)
}
