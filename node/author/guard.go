package author

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"damson/internal/protocol"
	"damson/node/keys"
	"damson/state/store"
)

// ErrSealed is a slot for which a key has sealed a block, or one before a slot for which it has.
var ErrSealed = errors.New("author: a block of this slot or a later one was sealed already")

// notePrefix begins the names of notes of the last slot that a key has sealed.
const notePrefix = "author/sealed/"

// guard keeps a key from sealing two blocks for one slot, whatever happens in between. It is safe for concurrent use.
type guard struct {
	store  *store.Store
	forget bool

	mu   sync.Mutex
	last map[protocol.BandersnatchKey]protocol.Slot
}

func openGuard(s *store.Store, list []*keys.Validator, forget bool) (*guard, error) {
	g := &guard{store: s, forget: forget, last: make(map[protocol.BandersnatchKey]protocol.Slot)}
	for _, k := range list {
		key := protocol.BandersnatchKey(k.Bandersnatch.Public().Bytes())
		value, ok, err := s.Note(noteName(key))
		switch {
		case err != nil:
			return nil, fmt.Errorf("author: what was sealed before: %w", err)
		case ok && len(value) != 4:
			return nil, fmt.Errorf("author: note %s has %d octets", noteName(key), len(value))
		case ok:
			g.last[key] = protocol.Slot(binary.BigEndian.Uint32(value))
		}
	}
	return g, nil
}

func noteName(key protocol.BandersnatchKey) string { return notePrefix + hex.EncodeToString(key[:]) }

// allow says whether a key may seal a block for a slot. If so, that it does is on disk, and it never may again.
func (g *guard) allow(key protocol.BandersnatchKey, slot protocol.Slot) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.last[key]; ok && slot <= last {
		return fmt.Errorf("slot %d, last %d: %w", slot, last, ErrSealed)
	}
	if !g.forget {
		if err := g.store.SetNote(noteName(key), binary.BigEndian.AppendUint32(nil, uint32(slot))); err != nil {
			return fmt.Errorf("author: noting the seal: %w", err)
		}
	}
	g.last[key] = slot
	return nil
}
