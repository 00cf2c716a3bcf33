package state

import (
	"damson/internal/codec"
	"damson/internal/protocol"
)

// AuthPools is α: the authorizers that each core accepts now, at most O. GP eq:authstatecomposition.
type AuthPools [][]protocol.Hash

// AuthQueues is φ: for each core the Q authorizers that fill its pool in turn. GP eq:authstatecomposition.
type AuthQueues [][]protocol.Hash

// DecodeAuthPools reads C(1).
func DecodeAuthPools(d *codec.Decoder, p *protocol.Params) AuthPools {
	pools := make(AuthPools, p.Cores)
	for i := range pools {
		pools[i] = DecodeHashes(d, p.AuthPoolSize)
	}
	return pools
}

// AppendTo appends C(1).
func (a AuthPools) AppendTo(b []byte) []byte {
	for _, pool := range a {
		b = AppendHashes(b, pool)
	}
	return b
}

// DecodeAuthQueues reads C(2).
func DecodeAuthQueues(d *codec.Decoder, p *protocol.Params) AuthQueues {
	if len(d.Rest()) < p.Cores*p.AuthQueueSize*32 {
		d.Fail(codec.ErrShort)
		return nil
	}
	flat := make([]protocol.Hash, p.Cores*p.AuthQueueSize)
	for i := range flat {
		flat[i] = d.Hash()
	}
	queues := make(AuthQueues, p.Cores)
	for i := range queues {
		queues[i], flat = flat[:p.AuthQueueSize:p.AuthQueueSize], flat[p.AuthQueueSize:]
	}
	return queues
}

// AppendTo appends C(2).
func (a AuthQueues) AppendTo(b []byte) []byte {
	for _, queue := range a {
		for i := range queue {
			b = append(b, queue[i][:]...)
		}
	}
	return b
}

// DecodeHashes reads a list of hashes with its count, at most limit.
func DecodeHashes(d *codec.Decoder, limit int) []protocol.Hash {
	n := d.Count(limit, 32)
	if n == 0 {
		return nil
	}
	hashes := make([]protocol.Hash, n)
	for i := range hashes {
		hashes[i] = d.Hash()
	}
	return hashes
}

// AppendHashes appends a list of hashes with its count.
func AppendHashes(b []byte, hashes []protocol.Hash) []byte {
	b = codec.AppendCount(b, len(hashes))
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// maxCount bounds lists that only the octets left bound.
const maxCount = 1 << 30
