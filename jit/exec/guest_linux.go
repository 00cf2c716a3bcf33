//go:build linux && (amd64 || arm64)

package exec

import (
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bounds on the mappings that guests can bring about by changing the access to single pages. The kernel allows 65530 in
// a process, and Go needs some too.
const (
	maxRegions      = 1 << 10 // of one space
	maxRegionsTotal = 24 << 10
)

var regionsTotal atomic.Int64

// Space is a guest's address space: 2^32 octets of reserved addresses, of which the pages that were opened exist, and
// the context below them. It belongs to one goroutine at a time.
type Space struct {
	base    uintptr
	regions []region // the open pages: by address, not overlapping, neighbours differ in access
	loose   bool     // the hardware does not follow the access any more: see Exact
}

// region is a run of pages [from, to) with one access.
type region struct {
	from, to uint32
	access   Access
}

// NewSpace reserves an address space.
func NewSpace() (*Space, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	return newSpace()
}

func newSpace() (*Space, error) {
	start, err := unix.MmapPtr(-1, 0, nil, reservation, unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve a guest address space: %w", err)
	}
	s := &Space{base: uintptr(start) + below}
	if err := unix.Mprotect(octets(s.base-PageSize, PageSize), unix.PROT_READ|unix.PROT_WRITE); err != nil {
		_ = unix.MunmapPtr(start, reservation)
		return nil, fmt.Errorf("open a guest context: %w", err)
	}
	return s, nil
}

// Close gives the addresses back.
func (s *Space) Close() {
	regionsTotal.Add(-int64(len(s.regions)))
	start := s.base - below
	// SAFETY: start is where MmapPtr put this very reservation, and a closed Space is not used again.
	_ = unix.MunmapPtr(unsafe.Pointer(at[byte](start)), reservation)
	*s = Space{}
}

// Base is the host address of guest address 0.
func (s *Space) Base() uintptr { return s.base }

// Context is the page below guest address 0.
func (s *Space) Context() *Context { return at[Context](s.base - PageSize) }

// Bytes is the whole space. To touch what is not open is fatal.
func (s *Space) Bytes() []byte { return octets(s.base, GuestSize) }

// Enter runs guest code from the host address entry, which a [Code] holds, with these registers, until it returns. Its stack check, which an
// inlined function would not have, is where a goroutine that was nudged yields.
//
//go:noinline
func (s *Space) Enter(entry uintptr, regs *[13]uint64) {
	s.Context().Entry = uint64(entry)
	enter(s.base, regs)
}

// Exact reports whether the hardware grants exactly the access that was asked for. It does until too many mappings
// would be needed; from then on all pages are open, and whoever runs the guest must check each access.
func (s *Space) Exact() bool { return !s.loose }

// Protect sets the access to pages. Pages opened for the first time, or since they were discarded, hold zeros.
func (s *Space) Protect(first, count uint32, a Access) {
	if count == 0 || s.loose {
		return
	}
	if s.covered(first, first+count, a) {
		return
	}
	s.note(first, first+count, a)
	if len(s.regions) <= maxRegions && regionsTotal.Load() <= maxRegionsTotal && s.mprotect(first, count, a) == nil {
		return
	}
	s.loosen()
}

// Discard closes pages and makes them hold zeros when they are opened again.
func (s *Space) Discard(first, count uint32) {
	end, open := first+count, false
	for _, r := range s.regions {
		if from, to := max(r.from, first), min(r.to, end); from < to {
			_ = unix.Madvise(octets(s.base+uintptr(from)*PageSize, int(to-from)*PageSize), unix.MADV_DONTNEED)
			open = true
		}
	}
	if open {
		s.Protect(first, count, None)
	}
}

// loosen gives up following the access: one mapping for everything.
func (s *Space) loosen() {
	s.loose = true
	regionsTotal.Add(-int64(len(s.regions)))
	s.regions = append(s.regions[:0], region{0, GuestSize / PageSize, ReadWrite})
	regionsTotal.Add(1)
	if err := s.mprotect(0, GuestSize/PageSize, ReadWrite); err != nil {
		panic("exec: cannot open a guest address space: " + err.Error()) //nolint:forbidigo // merging mappings cannot fail
	}
}

// Reset closes everything and makes a loose space exact again.
func (s *Space) Reset() {
	s.Discard(0, GuestSize/PageSize)
	if s.loose && s.mprotect(0, GuestSize/PageSize, None) == nil {
		s.loose = false
		regionsTotal.Add(-int64(len(s.regions)))
		s.regions = s.regions[:0]
	}
}

func (s *Space) mprotect(first, count uint32, a Access) error {
	flags := [...]int{None: unix.PROT_NONE, ReadOnly: unix.PROT_READ, ReadWrite: unix.PROT_READ | unix.PROT_WRITE}
	return unix.Mprotect(octets(s.base+uintptr(first)*PageSize, int(count)*PageSize), flags[a])
}

// covered reports whether the pages have this access already.
func (s *Space) covered(from, to uint32, a Access) bool {
	for _, r := range s.regions {
		if r.to <= from {
			continue
		}
		if a == None {
			return r.from >= to
		}
		return r.from <= from && to <= r.to && r.access == a
	}
	return a == None
}

// note records an access in the list of regions.
func (s *Space) note(from, to uint32, a Access) {
	before := len(s.regions)
	i := 0
	for i < len(s.regions) && s.regions[i].to <= from {
		i++
	}
	j := i
	for j < len(s.regions) && s.regions[j].from < to {
		j++
	}
	var parts []region
	if i < j && s.regions[i].from < from {
		parts = append(parts, region{s.regions[i].from, from, s.regions[i].access})
	}
	if a != None {
		parts = append(parts, region{from, to, a})
	}
	if i < j && s.regions[j-1].to > to {
		parts = append(parts, region{to, s.regions[j-1].to, s.regions[j-1].access})
	}
	s.regions = slices.Replace(s.regions, i, j, parts...)
	s.join(max(i-1, 0), i+len(parts)+1)
	regionsTotal.Add(int64(len(s.regions) - before))
}

// join merges neighbours of one access among regions [i, j).
func (s *Space) join(i, j int) {
	for i+1 < min(j, len(s.regions)) {
		if a, b := &s.regions[i], s.regions[i+1]; a.to == b.from && a.access == b.access {
			a.to = b.to
			s.regions = slices.Delete(s.regions, i+1, i+2)
			j--
			continue
		}
		i++
	}
}

// Pages is how many pages are open.
func (s *Space) Pages() int {
	n := 0
	for _, r := range s.regions {
		n += int(r.to - r.from)
	}
	return n
}
