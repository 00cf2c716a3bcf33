package gossip

import (
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state/store"
	"damson/state/trie"
)

// stateOctets is how long an answer to a state request may be, whatever more is allowed.
const stateOctets = 1 << 20

// state answers CE 129.
func (s *service) state(r *jamnp.StateRangeRequest) {
	disk, final := s.Store, s.Chain.Finalized()
	known := s.Chain.Block(r.Block) != nil
	s.Loop.Go("", func() func() {
		boundary, entries, err := readState(disk, r, known, final.Hash)
		return func() {
			if err != nil {
				s.reject(err)
				return
			}
			s.answer(jamnp.Encode(&boundary), jamnp.Encode(&entries))
		}
	})
}

// readState reads a range of a state and what proves it, beside the loop.
func readState(
	disk *store.Store, r *jamnp.StateRangeRequest, known bool, final protocol.Hash,
) (jamnp.BoundaryNodes, jamnp.StateEntries, error) {
	if !known {
		e, err := disk.Entry(r.Block)
		if err != nil {
			return nil, nil, errUnknown
		}
		if ok, err := disk.Ancestor(final, e.Hash, e.Slot); err != nil || !ok {
			return nil, nil, errCannotBe
		}
	}
	sigma, err := disk.State(r.Block)
	if err != nil {
		return nil, nil, errNotKept
	}
	return RangeOf(sigma.Trie(), r)
}

// RangeOf makes the answer to a state request: as many entries as fit into what is allowed, but at least one if there is one.
func RangeOf(t *trie.Trie, r *jamnp.StateRangeRequest) (jamnp.BoundaryNodes, jamnp.StateEntries, error) {
	most := int(min(r.Maximum, stateOctets))
	boundary, err := t.Path(r.Start)
	if err != nil {
		return nil, nil, err
	}
	var entries jamnp.StateEntries
	size := trie.NodeSize * len(boundary)
	err = t.Range(r.Start, r.End, func(key protocol.StateKey, value []byte) bool {
		e := jamnp.StateEntry{Key: key, Value: value}
		if size += e.Size(); size > most && len(entries) > 0 {
			size -= e.Size()
			return false
		}
		entries = append(entries, e)
		return true
	})
	if err != nil || len(entries) == 0 {
		return boundary, entries, err
	}
	values := size - trie.NodeSize*len(boundary)
	for {
		boundary, err = t.Boundary(r.Start, entries[len(entries)-1].Key)
		if err != nil || len(entries) == 1 || values+trie.NodeSize*len(boundary) <= most {
			return boundary, entries, err
		}
		values -= entries[len(entries)-1].Size()
		entries = entries[:len(entries)-1]
	}
}
