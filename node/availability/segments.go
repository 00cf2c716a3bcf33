package availability

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"damson/internal/bundle"
	"damson/internal/erasure"
	"damson/internal/merkle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability/shelf"
)

// Why imported segments are not had.
const (
	ErrSegment     = protocol.Invalid("availability/bad_segment")
	ErrNoSegment   = protocol.Invalid("availability/no_such_segment")
	ErrErasureRoot = protocol.Invalid("availability/bad_erasure_root")
)

// Segment is an exported segment with its proof.
type Segment struct {
	Octets []byte
	Proof  []protocol.Hash
}

// retrieval gets segments of one package: from who guaranteed it, or from shards; first as they come, and if these do not
// fit together, each with its proof. JAMNP-S, CE 148, 139, 140.
type retrieval struct {
	k       *Keeper
	root    protocol.Hash
	want    []uint16 // ascending, each once
	report  *shelf.Report
	holders []protocol.Ed25519Key
	ask     []protocol.Ed25519Key // guarantors who have not been asked
	done    func(map[uint16]Segment, error)
}

// Segments gets segments by their root and indices: what is imported from a package.
func (k *Keeper) Segments(root protocol.Hash, indices []uint16, done func(map[uint16]Segment, error)) {
	r := &retrieval{k: k, root: root, want: slices.Clone(indices), done: done}
	slices.Sort(r.want)
	r.want = slices.Compact(r.want)
	k.Loop.Go("", func() func() {
		exports, err := k.Shelf.ExportsBy(root)
		if err == nil {
			found, err := own(exports, r.want)
			return func() { r.end(found, err) }
		}
		report, holders, err := k.find(root, true)
		return func() {
			if err != nil {
				r.end(nil, fmt.Errorf("segment root %v: %w", root, err))
				return
			}
			r.report, r.holders, r.ask = report, holders, slices.Clone(report.Guarantors)
			if int(r.want[len(r.want)-1]) >= int(report.Spec.ExportsCount) {
				r.end(nil, ErrNoSegment)
				return
			}
			k.Rand.Shuffle(len(r.ask), func(i, j int) { r.ask[i], r.ask[j] = r.ask[j], r.ask[i] })
			r.fromGuarantors()
		}
	})
}

// own gives segments of a package that we guaranteed.
func own(exports [][]byte, want []uint16) (map[uint16]Segment, error) {
	tree := bundle.NewSegments(exports)
	found := make(map[uint16]Segment, len(want))
	for _, index := range want {
		if int(index) >= len(exports) {
			return nil, ErrNoSegment
		}
		found[index] = Segment{exports[index], tree.Proof(int(index))}
	}
	return found, nil
}

func (r *retrieval) end(found map[uint16]Segment, err error) {
	r.k.counts.Segments += uint64(len(found))
	r.done(found, err)
}

// fromGuarantors asks the next guarantor for whole segments: CE 148.
func (r *retrieval) fromGuarantors() {
	k := r.k
	for len(r.ask) > 0 && r.ask[0] == k.Key.Public {
		r.ask = r.ask[1:]
	}
	switch {
	case k.stopped:
		r.end(nil, errStopped)
		return
	case len(r.ask) == 0:
		r.fromShards(jamnp.SegmentShards)
		return
	}
	from := r.ask[0]
	r.ask = r.ask[1:]
	request := jamnp.SegmentsRequest{{Root: r.root, Segments: r.want}}
	limit := len(r.want)*k.Params.SegmentOctets() + jamnp.ImportProofsLimit(k.Params)
	k.Network.Request(from, jamnp.SegmentRequest, [][]byte{jamnp.Encode(&request)}, limit, k.patience(),
		func(answer [][]byte, err error) {
			if err != nil {
				r.fromGuarantors()
				return
			}
			k.Loop.Go("", func() func() {
				found, err := r.proven(answer)
				return func() {
					if err != nil {
						k.blame(from, blameData, err)
						r.fromGuarantors()
						return
					}
					r.end(found, nil)
				}
			})
		})
}

// proven checks an answer of CE 148. It runs beside the loop.
func (r *retrieval) proven(answer [][]byte) (map[uint16]Segment, error) {
	if len(answer) != 2 {
		return nil, jamnp.ErrMessages
	}
	var segments jamnp.Segments
	var proofs jamnp.ImportProofs
	if err := errors.Join(segments.Decode(answer[0], r.k.Params), proofs.Decode(answer[1], r.k.Params)); err != nil {
		return nil, err
	}
	if len(segments) != len(r.want) || len(proofs) != len(r.want) {
		return nil, ErrSegment
	}
	found := make(map[uint16]Segment, len(r.want))
	for i, leaf := range merkle.Leaves(segments, merkle.Blake2b) {
		root, ok := merkle.RootFromPage([]protocol.Hash{leaf}, 0, int(r.want[i]), proofs[i], merkle.Blake2b)
		if !ok || root != r.root {
			return nil, fmt.Errorf("segment %d: %w", r.want[i], ErrSegment)
		}
		found[r.want[i]] = Segment{segments[i], proofs[i]}
	}
	return found, nil
}

// parts lists the segments whose shards are needed: those wanted, and then the pages with their proofs.
func (r *retrieval) parts() []uint16 {
	parts := slices.Clone(r.want)
	for _, index := range r.want {
		page := r.report.Spec.ExportsCount + index/bundle.PageSegments
		if parts[len(parts)-1] != page {
			parts = append(parts, page)
		}
	}
	return parts
}

// fromShards gets the segments out of shards: by CE 139, or CE 140.
func (r *retrieval) fromShards(kind jamnp.Kind) {
	k, parts := r.k, r.parts()
	part := jamnp.SegmentShardOctets(k.Params)
	c := &collection{
		k: k, report: r.report, kind: kind, limit: len(parts) * part,
		request: func(index int) []byte {
			of := jamnp.ShardRequest{ErasureRoot: r.report.Spec.ErasureRoot, Shard: uint16(index)}
			return jamnp.Encode(&jamnp.SegmentShardsRequest{{ShardRequest: of, Segments: parts}})
		},
		check: func(_ int, answer [][]byte) ([]byte, error) {
			if len(answer) != 1 || len(answer[0]) != len(parts)*part {
				return nil, ErrShards
			}
			return answer[0], nil
		},
		local: func(index int) ([]byte, error) {
			shards, err := k.Shelf.Shards(r.report.Spec.ErasureRoot, index)
			if err != nil {
				return nil, err
			}
			var data []byte
			for _, at := range parts {
				if int(at) >= len(shards.Segments) {
					return nil, ErrShards
				}
				data = append(data, shards.Segments[at]...)
			}
			return data, nil
		},
	}
	if kind == jamnp.ProvenSegmentShards {
		c.limit = jamnp.ProvenShardsLimit(k.Params, len(parts))
		c.check = func(index int, answer [][]byte) ([]byte, error) { return r.provenShards(parts, index, answer) }
	}
	c.done = func(shards []erasure.Shard, err error) {
		if err != nil {
			r.end(nil, err)
			return
		}
		r.recover(kind, parts, shards)
	}
	c.begin(r.holders)
}

// provenShards checks an answer of CE 140. It runs beside the loop.
func (r *retrieval) provenShards(parts []uint16, index int, answer [][]byte) ([]byte, error) {
	p := r.k.Params
	part := jamnp.SegmentShardOctets(p)
	if len(answer) != 1+len(parts) || len(answer[0]) != len(parts)*part {
		return nil, ErrShards
	}
	for i, at := range parts {
		var justification jamnp.Justification
		if err := justification.DecodeSegment(answer[1+i], p); err != nil {
			return nil, err
		}
		shard := answer[0][i*part : (i+1)*part]
		if !bundle.VerifySegmentShard(r.report.Spec.ErasureRoot, index, p.Validators, shard, int(at), int(r.report.Spec.ExportsCount), justification.Trace()) {
			return nil, fmt.Errorf("segment %d: %w", at, ErrShards)
		}
	}
	return answer[0], nil
}

// recover puts shards together, and checks the segments against the pages with their proofs.
func (r *retrieval) recover(kind jamnp.Kind, parts []uint16, shards []erasure.Shard) {
	k := r.k
	k.Loop.Go("", func() func() {
		found, err := r.together(parts, shards)
		return func() {
			switch {
			case err == nil:
				r.end(found, nil)
			case kind == jamnp.SegmentShards:
				k.counts.SegmentRetries++
				r.fromShards(jamnp.ProvenSegmentShards)
			default:
				r.end(nil, fmt.Errorf("%w: %w", ErrErasureRoot, err))
			}
		}
	})
}

func (r *retrieval) together(parts []uint16, shards []erasure.Shard) (map[uint16]Segment, error) {
	p := r.k.Params
	segments, err := r.k.Coder.RecoverSegments(shards, len(parts))
	if err != nil {
		return nil, err
	}
	pages := make(map[int]*bundle.Page)
	for i := len(r.want); i < len(parts); i++ {
		number := int(parts[i] - r.report.Spec.ExportsCount)
		if pages[number], err = bundle.DecodePage(segments[i], number, r.root, p); err != nil {
			return nil, err
		}
	}
	found := make(map[uint16]Segment, len(r.want))
	for i, index := range r.want {
		proof, err := pages[int(index)/bundle.PageSegments].Prove(segments[i], int(index))
		if err != nil {
			return nil, err
		}
		found[index] = Segment{bytes.Clone(segments[i]), proof}
	}
	return found, nil
}
