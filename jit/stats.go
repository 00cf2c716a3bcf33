package jit

// Stats are what an engine has compiled and keeps.
type Stats struct {
	Compiled uint64 // programs, since the engine was made; one that was thrown out and came again counts again
	Programs int    // in the cache
	Bytes    int64  // that they take
}

// Stats gives the counts. It is safe for concurrent use.
func (e *Engine) Stats() Stats {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	return Stats{e.cache.compiled, len(e.cache.entries), e.cache.bytes}
}
