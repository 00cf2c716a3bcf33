package pvm

import "encoding/binary"

// Readable reports whether the n octets at addr can all be read: ℕ_{addr…+n} ⊆ 𝕍_μ. No address
// wraps here, and of no octets this is always true.
func (m *Memory) Readable(addr, n uint64) bool { return m.allows(addr, n, Read) }

// Writable reports whether the n octets at addr can all be written: ℕ_{addr…+n} ⊆ 𝕍*_μ.
func (m *Memory) Writable(addr, n uint64) bool { return m.allows(addr, n, Write) }

func (m *Memory) allows(addr, n uint64, a Access) bool {
	if n == 0 {
		return true
	}
	if addr >= memorySize || n > memorySize-addr {
		return false
	}
	first := uint32(addr >> pageBits)
	last := uint32((addr + n - 1) >> pageBits)
	return m.allowsPages(first, last-first+1, a)
}

// Allows reports whether all of the pages give at least this access. There is no page past the last.
func (m *Memory) Allows(first, count uint64, a Access) bool {
	if count == 0 || a == None {
		return true
	}
	if first >= pages || count > pages-first {
		return false
	}
	return m.allowsPages(uint32(first), uint32(count), a)
}

func (m *Memory) allowsPages(first, count uint32, a Access) bool {
	return each(first, count, func(n, from, to uint32) bool {
		l := m.top[n]
		if l.shared {
			return l.access[0] >= a
		}
		for _, has := range l.access[from:to] {
			if has < a {
				return false
			}
		}
		return true
	})
}

// Read fills dst from addr on, or does nothing and reports false if not all of it can be read.
func (m *Memory) Read(dst []byte, addr uint64) bool {
	if !m.Readable(addr, uint64(len(dst))) {
		return false
	}
	for len(dst) > 0 {
		n := copy(dst, m.pageToRead(uint32(addr >> pageBits))[addr%PageSize:])
		dst, addr = dst[n:], addr+uint64(n)
	}
	return true
}

// Write copies src to addr, or does nothing and reports false if not all of it can be written.
func (m *Memory) Write(addr uint64, src []byte) bool {
	if !m.Writable(addr, uint64(len(src))) {
		return false
	}
	for len(src) > 0 {
		n := copy(m.pageToWrite(uint32(addr >> pageBits))[addr%PageSize:], src)
		src, addr = src[n:], addr+uint64(n)
	}
	return true
}

// View returns the n octets at addr, or false if not all can be read. They are to be read only, and
// before the memory changes: they alias it where they can and are a copy where they cannot.
func (m *Memory) View(addr, n uint64) ([]byte, bool) {
	if !m.Readable(addr, n) {
		return nil, false
	}
	if n == 0 {
		return nil, true
	}
	page, offset := uint32(addr>>pageBits), addr%PageSize
	if offset+n <= PageSize {
		return m.pageToRead(page)[offset:][:n:n], true
	}
	for _, s := range m.spans {
		if start := uint64(page-s.first)*PageSize + offset; page >= s.first && start+n <= uint64(len(s.data)) {
			return s.data[start:][:n:n], true
		}
	}
	b := make([]byte, n)
	return b, m.Read(b, addr)
}

// CopyTo copies n octets to another memory, or does nothing and reports false if they cannot all be
// read here and written there. Zeros that were never written are not copied to where there are such
// already, so that a large n costs no memory by itself.
func (m *Memory) CopyTo(dst *Memory, to, from, n uint64) bool {
	if !m.Readable(from, n) || !dst.Writable(to, n) {
		return false
	}
	for n > 0 {
		src := m.pageToRead(uint32(from >> pageBits))
		part := min(n, PageSize-from%PageSize, PageSize-to%PageSize)
		if page := uint32(to >> pageBits); src != &zeroPage || !dst.bare(page) {
			copy(dst.pageToWrite(page)[to%PageSize:], src[from%PageSize:][:part])
		}
		from, to, n = from+part, to+part, n-part
	}
	return true
}

// Fault says how an access to the n octets at addr ends the run, where the address wraps at 2^32:
// PageFault at the lowest octet that cannot be accessed, or Panic if that lies below 2^16. It
// reports false if the access is allowed. GP §A.4.
func (m *Memory) Fault(addr, n uint32, a Access) (Exit, bool) {
	for i := range n {
		page := (addr + i) >> pageBits
		if m.Access(page) >= a {
			continue
		}
		if page < firstPage {
			return Exit{Reason: Panic}, true
		}
		return Exit{Reason: PageFault, Arg: uint64(page) << pageBits}, true
	}
	return Exit{}, false
}

// Load reads n octets, at most 8, at addr, which wraps. It reports false if not all can be read.
func (m *Memory) Load(addr, n uint32) (uint64, bool) {
	var b [8]byte
	for i := range n {
		page := (addr + i) >> pageBits
		if m.Access(page) < Read {
			return 0, false
		}
		b[i] = m.pageToRead(page)[(addr+i)%PageSize]
	}
	if page := addr >> pageBits; m.peekPage(page) == nil { // so that ReadPage finds it the next time
		m.own(page / leafPages).read[page%leafPages] = &zeroPage
	}
	return binary.LittleEndian.Uint64(b[:]), true
}

// Store writes the lowest n octets of x, at most 8, at addr, which wraps. It does nothing and
// reports false if not all can be written.
func (m *Memory) Store(addr, n uint32, x uint64) bool {
	for i := range n {
		if m.Access((addr+i)>>pageBits) < Write {
			return false
		}
	}
	for i := range n {
		m.pageToWrite((addr + i) >> pageBits)[(addr+i)%PageSize] = byte(x >> (8 * i))
	}
	return true
}

// ReadPage is the page that holds addr if it has content and can be read, else nil: then Load
// decides.
func (m *Memory) ReadPage(addr uint32) *Page {
	return m.top[addr>>(pageBits+leafBits)].read[addr>>pageBits%leafPages]
}

// WritePage is the page that holds addr if it has content and can be written, else nil: then Store
// decides.
func (m *Memory) WritePage(addr uint32) *Page {
	return m.top[addr>>(pageBits+leafBits)].write[addr>>pageBits%leafPages]
}

// pageToRead is the content of a page that can be read.
func (m *Memory) pageToRead(page uint32) *Page {
	if p := m.peekPage(page); p != nil {
		return p
	}
	if m.backing != nil {
		return m.reserved(page)
	}
	return &zeroPage
}

// reserved looks a page up in the reservation, for the first time.
func (m *Memory) reserved(page uint32) *Page {
	p := (*Page)(m.backing.Bytes()[int(page)*PageSize:])
	l := m.own(page / leafPages)
	l.read[page%leafPages] = p
	if l.access[page%leafPages] == Write {
		l.write[page%leafPages] = p
	}
	return p
}

// bare reports whether a page holds zeros because nothing was ever written to it.
func (m *Memory) bare(page uint32) bool {
	p := m.peekPage(page)
	return p == &zeroPage || p == nil && m.backing == nil
}

func (m *Memory) peekPage(page uint32) *Page {
	return m.top[page/leafPages].read[page%leafPages]
}

// pageToWrite is the content of a page that can be written.
func (m *Memory) pageToWrite(page uint32) *Page {
	if p := m.top[page/leafPages].write[page%leafPages]; p != nil {
		return p
	}
	if m.backing != nil {
		return m.reserved(page)
	}
	return m.allocate(page)
}

// runPages is how many pages are allocated together.
const runPages = 16

// allocate gives content to a page that can be written, and to its neighbours that could be and
// have none.
func (m *Memory) allocate(page uint32) *Page {
	l := m.own(page / leafPages)
	at := page % leafPages
	free := func(i uint32) bool { return l.access[i] == Write && l.write[i] == nil }
	from, to := at, at+1
	for first := at &^ (runPages - 1); from > first && free(from-1); {
		from--
	}
	for end := at&^(runPages-1) + runPages; to < end && free(to); {
		to++
	}
	m.bought += int(to - from)
	data := make([]byte, (to-from)*PageSize)
	for i := from; i < to; i++ {
		p := (*Page)(data[(i-from)*PageSize:])
		l.read[i], l.write[i] = p, p
	}
	return l.write[at]
}
