package pvm

// PageSize is Z_P, the unit of access to memory.
const PageSize = 1 << pageBits

const (
	pageBits   = 12
	leafBits   = 10
	leafPages  = 1 << leafBits
	leaves     = 1 << (32 - pageBits - leafBits)
	pages      = leaves * leafPages
	firstPage  = 16 // access below 2^16 panics whatever the page would allow. GP §A.4
	memorySize = 1 << 32
)

// Page is the content of one page.
type Page [PageSize]byte

// Access is what a program may do with a page.
type Access uint8

// The kinds of access, each including those before.
const (
	None Access = iota
	Read
	Write
)

// Memory is μ: 2^32 octets, in pages with an access each.
//
// There is one type and there are two forms of it. In the plain form pages are allocated when they
// are first touched. In the form with a [Backing] they lie in one reservation of address space,
// whose protection by the hardware follows the access, so that machine code may go there directly.
// Both keep the table of access that every method here consults.
//
// The table has two levels. Leaves in which all pages have the same access and no content yet are
// shared by all memories, so that even access to 2^32 octets is given at little cost.
//
// A memory belongs to one goroutine at a time.
type Memory struct {
	top     [leaves]*leaf
	backing Backing
	spans   []span // where several pages lie in one slice
	heap    heap
	release func(*Memory)

	loaded   *Image // what the memory was made for, while its access is as it was then
	argPages uint32
	borrows  bool // some pages belong to loaded and must not be written
	buffers  buffers
	bought   int     // pages allocated one by one since all were forgotten
	spare    []*leaf // to be used again
}

// leaf is the access to 2^22 octets. The pointers are set once a page has content, and then say
// the same as access; all are nil in the shared leaves.
type leaf struct {
	read   [leafPages]*Page
	write  [leafPages]*Page
	access [leafPages]Access
	shared bool
}

// maxSpare is how many leaves a memory keeps to use again: a standard program needs about four.
const maxSpare = 8

// span is a run of pages that lie in one slice.
type span struct {
	first uint32 // page
	data  []byte
}

// Backing is a reservation of address space for one memory: see [NewBacked].
type Backing interface {
	// Bytes is the whole reservation, 2^32 octets, of which only pages opened by Protect exist.
	Bytes() []byte
	// Protect opens or closes pages. Pages opened for the first time hold zeros.
	Protect(first, count uint32, a Access)
	// Discard closes pages and makes them hold zeros when they are opened again.
	Discard(first, count uint32)
}

// The leaves that memories share.
var shared = [...]*leaf{None: uniform(None), Read: uniform(Read), Write: uniform(Write)}

// zeroPage is read in place of pages that nothing was written to. Nobody writes to it.
var zeroPage Page

func uniform(a Access) *leaf {
	l := &leaf{shared: true}
	for i := range l.access {
		l.access[i] = a
	}
	return l
}

// NewMemory returns a memory of the plain form, without access to anything.
func NewMemory() *Memory { return NewBacked(nil, nil) }

// NewBacked returns a memory without access to anything, which lies in a reservation that has no
// open pages. Release hands it to the function release, if there is one.
func NewBacked(b Backing, release func(*Memory)) *Memory {
	m := &Memory{backing: b, release: release, spare: make([]*leaf, 0, maxSpare)}
	m.forget()
	return m
}

// Release gives the memory back to where it came from. The caller must not use it any more.
func (m *Memory) Release() {
	if m.release != nil {
		m.release(m)
	}
}

// Bought is about how many pages were allocated one by one since the last Reset. Memories that are
// kept between runs should be reset when this is much.
func (m *Memory) Bought() int { return m.bought }

// Backing is the reservation in which the memory lies, or nil.
func (m *Memory) Backing() Backing { return m.backing }

// Reset takes all access away, and with it all content.
func (m *Memory) Reset() {
	if m.backing != nil {
		m.discardAll()
	}
	m.forget()
}

func (m *Memory) forget() {
	for i, l := range m.top {
		if l == shared[None] {
			continue
		}
		if l != nil && !l.shared && len(m.spare) < cap(m.spare) {
			m.spare = append(m.spare, l)
		}
		m.top[i] = shared[None]
	}
	m.spans = m.spans[:0]
	if m.backing != nil {
		m.spans = append(m.spans, span{0, m.backing.Bytes()})
	}
	m.heap = heap{limit: memorySize}
	m.loaded, m.argPages, m.borrows, m.bought = nil, 0, false, 0
}

// discardAll closes every open page of the reservation.
func (m *Memory) discardAll() {
	first, open := uint32(0), false
	for page := uint32(0); page <= pages; page++ {
		now := page < pages && m.Access(page) != None
		if !open && page < pages && page%leafPages == 0 && m.top[page/leafPages] == shared[None] {
			page += leafPages - 1
			continue
		}
		if now && !open {
			first = page
		}
		if !now && open {
			m.backing.Discard(first, page-first)
		}
		open = now
	}
}

// Access is what the program may do with a page.
func (m *Memory) Access(page uint32) Access {
	return m.top[page/leafPages%leaves].access[page%leafPages]
}

// Map gives access to pages and makes them hold zeros, whatever was there before. The first 16
// pages never become accessible.
func (m *Memory) Map(first, count uint32, a Access) {
	m.loaded = nil
	m.wipe(first, count)
	m.setAccess(first, count, a)
}

// Protect changes the access to pages and leaves their content, except that content is lost with
// all access.
func (m *Memory) Protect(first, count uint32, a Access) {
	if a == None {
		m.Map(first, count, None)
		return
	}
	m.loaded = nil
	m.setAccess(first, count, a)
}

// each calls f for the parts of a run of pages, cut where leaves end: leaf number, and the first
// and last+1 page in it.
func each(first, count uint32, f func(n, from, to uint32) bool) bool {
	end := min(uint64(first)+uint64(count), pages)
	for page := uint64(first); page < end; {
		n := uint32(page / leafPages)
		from := uint32(page % leafPages)
		to := uint32(min(leafPages, uint64(from)+end-page))
		if !f(n, from, to) {
			return false
		}
		page += uint64(to - from)
	}
	return true
}

// own makes a leaf this memory's, so that it may be changed.
func (m *Memory) own(n uint32) *leaf {
	l := m.top[n]
	if !l.shared {
		return l
	}
	var own *leaf
	if last := len(m.spare) - 1; last >= 0 {
		own = m.spare[last]
		m.spare = m.spare[:last]
		clear(own.read[:])
		clear(own.write[:])
	} else {
		own = new(leaf)
	}
	own.access = l.access
	m.top[n] = own
	return own
}

// wipe drops the content of pages.
func (m *Memory) wipe(first, count uint32) {
	if count == 0 {
		return
	}
	if m.backing != nil {
		m.backing.Discard(first, count)
	} else {
		m.dropSpans(first, count)
	}
	each(first, count, func(n, from, to uint32) bool {
		if l := m.top[n]; !l.shared {
			clear(l.read[from:to])
			clear(l.write[from:to])
			for i := range l.access[from:to] {
				l.access[from:to][i] = None
			}
		} else if l != shared[None] {
			m.fill(n, from, to, None)
		}
		return true
	})
}

// setAccess sets the access of pages, whose content stays.
func (m *Memory) setAccess(first, count uint32, a Access) {
	if first < firstPage {
		if count <= firstPage-first {
			return
		}
		first, count = firstPage, count-(firstPage-first)
	}
	if count == 0 {
		return
	}
	if m.backing != nil && a != None {
		m.backing.Protect(first, count, a)
	}
	each(first, count, func(n, from, to uint32) bool {
		m.fill(n, from, to, a)
		return true
	})
}

func (m *Memory) fill(n, from, to uint32, a Access) {
	if m.top[n].shared && to-from == leafPages {
		m.top[n] = shared[a]
		return
	}
	if m.top[n] == shared[a] {
		return
	}
	l := m.own(n)
	for i := from; i < to; i++ {
		l.access[i] = a
		switch p := l.read[i]; {
		case a != Write:
			l.write[i] = nil
		case p != nil && p != &zeroPage && l.write[i] == nil:
			if m.borrows {
				own := *p
				p = &own
				l.read[i] = p
				m.dropSpans(n*leafPages+i, 1)
			}
			l.write[i] = p
		}
	}
}
