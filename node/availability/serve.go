package availability

import (
	"errors"
	"fmt"

	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability/shelf"
)

// Why a request is not answered.
var (
	errUnknown  = errors.New("availability: nothing is held by that root")
	errNotKept  = errors.New("availability: the bundle's shard is not kept any more")
	errBusy     = fmt.Errorf("availability: enough others are being served: %w", jamnp.ErrBusy)
	errWithheld = errors.New("availability: withheld")
)

// Serve answers a stream of the kinds 137 to 141, 147 and 148. It reports false for another kind.
func (k *Keeper) Serve(x jamnp.Exchange) bool {
	p := k.Params
	switch kind := x.Kind(); {
	case kind == jamnp.AssuranceDistribution:
		k.takeAssurance(x)
	case k.Mistakes.Withhold && (kind >= jamnp.ShardDistribution && kind <= jamnp.ProvenSegmentShards ||
		kind == jamnp.BundleRequest || kind == jamnp.SegmentRequest):
		x.Reject(errWithheld)
	case kind == jamnp.ShardDistribution:
		read(k, x, &jamnp.ShardRequest{}, jamnp.ShardRequestLimit(p), func(m *jamnp.ShardRequest) { k.giveShards(x, m) })
	case kind == jamnp.AuditShardRequest:
		read(k, x, &jamnp.ShardRequest{}, jamnp.ShardRequestLimit(p), func(m *jamnp.ShardRequest) {
			spoil := k.Mistakes.Spoil
			k.give(x, func() ([][]byte, error) { return k.auditShard(m, spoil) })
		})
	case kind == jamnp.SegmentShards, kind == jamnp.ProvenSegmentShards:
		read(k, x, &jamnp.SegmentShardsRequest{}, jamnp.SegmentShardsRequestLimit(p), func(m *jamnp.SegmentShardsRequest) {
			k.give(x, func() ([][]byte, error) { return k.segmentShards(*m, kind == jamnp.ProvenSegmentShards) })
		})
	case kind == jamnp.BundleRequest:
		read(k, x, &jamnp.HashRequest{}, jamnp.BundleRequestLimit(p), func(m *jamnp.HashRequest) {
			k.give(x, func() ([][]byte, error) {
				_, octets, _, err := k.Shelf.Package(m.Hash)
				return [][]byte{octets}, err
			})
		})
	case kind == jamnp.SegmentRequest:
		read(k, x, &jamnp.SegmentsRequest{}, jamnp.SegmentsRequestLimit(p), func(m *jamnp.SegmentsRequest) {
			k.give(x, func() ([][]byte, error) { return k.segments(*m) })
		})
	default:
		return false
	}
	return true
}

// read reads a request of one message, and then acts on it.
func read[M jamnp.Message](k *Keeper, x jamnp.Exchange, m M, limit int, then func(M)) {
	jamnp.Read(x, m, k.Params, limit, func(err error) {
		if err == nil {
			then(m)
			return
		}
		if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
			k.blame(x.Peer(), blameMalformed, err)
		}
		x.Reject(err)
	})
}

// give answers with what is found beside the loop.
func (k *Keeper) give(x jamnp.Exchange, find func() ([][]byte, error)) {
	if k.giving >= maxGiving {
		x.Reject(errBusy)
		return
	}
	k.giving++
	k.Loop.Go("", func() func() {
		answer, err := find()
		return func() {
			k.giving--
			if errors.Is(err, shelf.ErrNotFound) {
				err = errUnknown
			}
			if err != nil {
				x.Reject(err)
				return
			}
			k.counts.Served++
			x.Answer(answer...)
		}
	})
}

// auditShard answers CE 138.
func (k *Keeper) auditShard(m *jamnp.ShardRequest, spoil bool) ([][]byte, error) {
	shards, err := k.Shelf.Shards(m.ErasureRoot, int(m.Shard))
	if err != nil {
		return nil, err
	}
	if shards.Bundle == nil {
		return nil, errNotKept
	}
	justification := jamnp.NewJustification(shards.BundleJustification())
	if spoil {
		shards.Bundle[0] ^= 1
	}
	return [][]byte{shards.Bundle, jamnp.Encode(&justification)}, nil
}

// segmentShards answers CE 139 and CE 140.
func (k *Keeper) segmentShards(request jamnp.SegmentShardsRequest, prove bool) ([][]byte, error) {
	list := jamnp.ShardList{}
	var proofs [][]byte
	for i := range request {
		shards, err := k.Shelf.Shards(request[i].ErasureRoot, int(request[i].Shard))
		if err != nil {
			return nil, err
		}
		indices := make([]int, len(request[i].Segments))
		for j, segment := range request[i].Segments {
			if int(segment) >= len(shards.Segments) {
				return nil, errUnknown
			}
			indices[j] = int(segment)
			list = append(list, shards.Segments[segment])
		}
		if prove {
			for _, trace := range shards.SegmentJustificationsBeside(shards.BundleHash, indices) {
				justification := jamnp.NewJustification(trace)
				proofs = append(proofs, jamnp.Encode(&justification))
			}
		}
	}
	return append([][]byte{jamnp.Encode(&list)}, proofs...), nil
}

// segments answers CE 148: of packages that we guaranteed.
func (k *Keeper) segments(request jamnp.SegmentsRequest) ([][]byte, error) {
	var list jamnp.Segments
	var proofs jamnp.ImportProofs
	for i := range request {
		exports, err := k.Shelf.ExportsBy(request[i].Root)
		if err != nil {
			return nil, err
		}
		tree := bundle.NewSegments(exports)
		for _, index := range request[i].Segments {
			if int(index) >= len(exports) {
				return nil, errUnknown
			}
			list = append(list, exports[index])
			proofs = append(proofs, tree.Proof(int(index)))
		}
	}
	return [][]byte{jamnp.Encode(&list), jamnp.Encode(&proofs)}, nil
}

// giveShards answers CE 137: of a package that we guaranteed, which is encoded again if that is long ago.
func (k *Keeper) giveShards(x jamnp.Exchange, m *jamnp.ShardRequest) {
	if available := k.own.get(m.ErasureRoot); available != nil {
		k.give(x, func() ([][]byte, error) { return encodeShards(available.Shards(int(m.Shard))), nil })
		return
	}
	if k.rebuilds >= maxRebuilds {
		x.Reject(errBusy)
		return
	}
	k.rebuilds++
	waiting, running := k.rebuilding[m.ErasureRoot]
	k.rebuilding[m.ErasureRoot] = append(waiting, rebuild{x, m})
	if !running {
		k.rebuild(m.ErasureRoot)
	}
}

// rebuild is a request that waits for a package to be encoded again.
type rebuild struct {
	x jamnp.Exchange
	m *jamnp.ShardRequest
}

func (k *Keeper) rebuild(root protocol.Hash) {
	k.Loop.Go(rebuildQueue, func() func() {
		hash, octets, exports, err := k.Shelf.Package(root)
		var available *bundle.Available
		if err == nil {
			available, err = k.Coder.Specify(hash, octets, exports)
		}
		if err != nil || available.Spec.ErasureRoot != root {
			err = errors.Join(errUnknown, err)
		}
		return func() {
			waiting := k.rebuilding[root]
			delete(k.rebuilding, root)
			k.rebuilds -= len(waiting)
			if err == nil {
				k.own.put(available)
			}
			for _, w := range waiting {
				if err != nil {
					w.x.Reject(err)
					continue
				}
				k.giveShards(w.x, w.m)
			}
		}
	})
}

func encodeShards(s *bundle.Shards) [][]byte {
	list, justification := jamnp.ShardList(s.Segments), jamnp.NewJustification(s.Justification)
	return [][]byte{s.Bundle, jamnp.Encode(&list), jamnp.Encode(&justification)}
}

// packages are the last ones that we guaranteed, encoded.
type packages struct {
	list   []*bundle.Available
	octets int
}

func (x *packages) get(root protocol.Hash) *bundle.Available {
	for _, a := range x.list {
		if a.Spec.ErasureRoot == root {
			return a
		}
	}
	return nil
}

func (x *packages) put(a *bundle.Available) {
	if x.get(a.Spec.ErasureRoot) != nil {
		return
	}
	x.list = append(x.list, a)
	x.octets += a.Octets()
	for len(x.list) > 1 && x.octets > maxPackageOctets {
		x.octets -= x.list[0].Octets()
		x.list = append(x.list[:0], x.list[1:]...)
	}
}

// Guaranteed tells of a package that this node guarantees, whose octets and exports are on the shelf already: its shards are
// at hand from now on.
func (k *Keeper) Guaranteed(a *bundle.Available) { k.own.put(a) }
