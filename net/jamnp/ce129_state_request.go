package jamnp

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// StateRangeRequest asks for a range of a block's posterior state: CE 129.
type StateRangeRequest struct {
	Block      protocol.Hash
	Start, End protocol.StateKey // both inclusive
	Maximum    uint32            // octets of the answer, unless it has a single entry
}

// BoundaryNodes is the first message that answers a StateRangeRequest: nodes of the trie on the ways from its root to
// the start key and to the last entry of the answer, parents before their children. GP §D.2.1 has their encoding.
type BoundaryNodes [][64]byte

// StateEntries is the second message that answers a StateRangeRequest, ordered by key.
type StateEntries []StateEntry

// StateEntry is one key of a state and its value.
type StateEntry struct {
	Key   protocol.StateKey
	Value []byte
}

const (
	stateRangeRequestOctets = 32 + 31 + 31 + 4
	nodeOctets              = 64
	// MaxBoundaryNodes is two ways through all bits of a key.
	MaxBoundaryNodes = 2 * (8*31 + 1)
	// maxEntryOctets bounds a single value: the Gray Paper bounds none but code.
	maxEntryOctets = 16 << 20
)

// StateRangeRequestLimit bounds a request for state.
func StateRangeRequestLimit(*protocol.Params) int { return stateRangeRequestOctets }

// BoundaryLimit bounds the boundary nodes.
func BoundaryLimit(*protocol.Params) int { return MaxBoundaryNodes * nodeOctets }

// StateEntriesLimit bounds the entries of an answer to a request for at most so many octets.
func StateEntriesLimit(maximum uint32) int { return max(int(maximum), maxEntryOctets) }

// AppendTo appends the message.
func (m *StateRangeRequest) AppendTo(b []byte) []byte {
	b = append(b, m.Block[:]...)
	b = append(b, m.Start[:]...)
	b = append(b, m.End[:]...)
	return codec.AppendU32(b, m.Maximum)
}

// Decode reads the message.
func (m *StateRangeRequest) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("state_request")
		m.Block = d.Hash()
		d.Copy(m.Start[:])
		d.Copy(m.End[:])
		m.Maximum = d.U32()
	})
}

// AppendTo appends the message.
func (m *BoundaryNodes) AppendTo(b []byte) []byte {
	for i := range *m {
		b = append(b, (*m)[i][:]...)
	}
	return b
}

// Decode reads the message. Whether the nodes prove anything is not looked at.
func (m *BoundaryNodes) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("boundary_nodes")
		*m = list(d, MaxBoundaryNodes, func(node *[64]byte) { d.Copy(node[:]) })
	})
}

// AppendTo appends the message.
func (m *StateEntries) AppendTo(b []byte) []byte {
	for i := range *m {
		b = append(b, (*m)[i].Key[:]...)
		b = codec.AppendBlob(b, (*m)[i].Value)
	}
	return b
}

// Size gives how many octets an entry takes in a message.
func (e *StateEntry) Size() int {
	return len(e.Key) + codec.NaturalSize(uint64(len(e.Value))) + len(e.Value)
}

// Decode reads the message. The order is not looked at. The values share b.
func (m *StateEntries) Decode(b []byte, _ *protocol.Params) error {
	return decode(b, func(d *codec.Decoder) {
		d.Field("state_entries")
		*m = list(d, len(b), func(e *StateEntry) {
			d.Copy(e.Key[:])
			e.Value = d.Blob()
		})
	})
}
