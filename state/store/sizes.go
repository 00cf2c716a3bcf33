package store

// Sizes are what a store takes.
type Sizes struct {
	Disk      uint64 // octets on disk
	Cached    int64  // octets of states in memory, about
	Pages     int64  // octets of the database in memory
	Hits      int64  // reads of the database that needed no disk
	Misses    int64
	Compacted uint64 // times that the database has tidied up its files
}

// Sizes gives the sizes; zeros when the store is closed. It is safe for concurrent use.
func (s *Store) Sizes() Sizes {
	if !s.enter() {
		return Sizes{}
	}
	defer s.readers.Done()
	m := s.db.Metrics()
	hits, misses := m.BlockCache.Hits, m.BlockCache.Misses
	return Sizes{
		Disk: m.DiskSpaceUsage(), Cached: s.pages.Cached(), Pages: m.BlockCache.Size, Hits: hits, Misses: misses,
		Compacted: uint64(m.Compact.Count),
	}
}
