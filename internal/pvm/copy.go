package pvm

import (
	"bytes"
	"iter"
)

// content is what a page holds, whoever wrote it; &zeroPage if nobody did as far as that is known.
func (m *Memory) content(page uint32) *Page {
	if m.backing != nil {
		return (*Page)(m.backing.Bytes()[int(page)*PageSize:])
	}
	if p := m.peekPage(page); p != nil {
		return p
	}
	return &zeroPage
}

// unlike yields the pages to which both memories, or one of them, give access, with the access in other.
func (m *Memory) unlike(other *Memory) iter.Seq2[uint32, Access] {
	return func(yield func(uint32, Access) bool) {
		for n := range other.top {
			x, y := m.top[n], other.top[n]
			if x == y && x == shared[None] {
				continue
			}
			for i, a := range &y.access {
				if (a != None || m.top[n].access[i] != None) && !yield(uint32(n*leafPages+i), a) {
					return
				}
			}
		}
	}
}

// CopyFrom makes m a copy of another memory: access, content and heap. It touches only what differs, so that to bring a
// copy up to date costs little more than to compare.
func (m *Memory) CopyFrom(src *Memory) {
	m.loaded = nil
	m.heap = src.heap
	for page, a := range m.unlike(src) {
		if a != m.Access(page) {
			m.copyPage(page, a, src)
			continue
		}
		if p, q := m.content(page), src.content(page); p == q || bytes.Equal(p[:], q[:]) {
			continue
		} else if a == Write {
			copy(m.pageToWrite(page)[:], q[:])
		} else {
			m.copyPage(page, a, src)
		}
	}
}

// copyPage gives a page new access and content.
func (m *Memory) copyPage(page uint32, a Access, src *Memory) {
	if a == None {
		m.Map(page, 1, None)
		return
	}
	m.Map(page, 1, Write)
	if p := src.content(page); p != &zeroPage && !bytes.Equal(p[:], zeroPage[:]) {
		copy(m.pageToWrite(page)[:], p[:])
	}
	if a != Write {
		m.Protect(page, 1, a)
	}
}

// Differs finds the first page in whose access or content two memories differ.
func (m *Memory) Differs(other *Memory) (page uint32, differs bool) {
	for page, a := range m.unlike(other) {
		if a != m.Access(page) {
			return page, true
		}
		if p, q := m.content(page), other.content(page); p != q && !bytes.Equal(p[:], q[:]) {
			return page, true
		}
	}
	return 0, false
}
