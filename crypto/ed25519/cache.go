package ed25519

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// keyBytes is what a cached key takes: the expanded form, and the map and list entries that lead to it.
const keyBytes = 1760

// KeyCache keeps prepared keys, up to a bound; the one that was not asked for longest goes first. Validator keys
// sign again and again, hence the gain. It is safe for concurrent use.
type KeyCache struct {
	capacity     int
	hits, misses atomic.Uint64

	mu    sync.Mutex
	keys  map[[PublicKeySize]byte]*list.Element // of *Key
	order *list.List                            // most recently used first
}

// NewKeyCache returns an empty cache that takes about that many octets at most, and has room for one key at least.
func NewKeyCache(bytes int) *KeyCache {
	return &KeyCache{
		capacity: max(1, bytes/keyBytes),
		keys:     make(map[[PublicKeySize]byte]*list.Element),
		order:    list.New(),
	}
}

// Key returns public prepared, from the cache if it is there. Keys that are no point of the curve are kept too, or
// they would be the dearest.
func (c *KeyCache) Key(public [PublicKeySize]byte) *Key {
	if k := c.lookup(public); k != nil {
		c.hits.Add(1)
		return k
	}
	c.misses.Add(1)
	k := NewKey(public) // outside the lock: two goroutines may both do it, which harms nobody
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.keys[public]; ok {
		return e.Value.(*Key)
	}
	for c.order.Len() >= c.capacity {
		oldest := c.order.Back()
		delete(c.keys, oldest.Value.(*Key).public)
		c.order.Remove(oldest)
	}
	c.keys[public] = c.order.PushFront(k)
	return k
}

func (c *KeyCache) lookup(public [PublicKeySize]byte) *Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.keys[public]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*Key)
}

// Stats returns how often a key was there and how often not, and how many are kept.
func (c *KeyCache) Stats() (hits, misses uint64, keys int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hits.Load(), c.misses.Load(), c.order.Len()
}
