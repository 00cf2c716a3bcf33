package pvm

import "bytes"

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

// eachRun calls f for the runs of pages that have the same access, where there is any.
func (m *Memory) eachRun(f func(first, count uint32, a Access)) {
	first, run := uint32(0), None
	end := func(page uint32) {
		if run != None {
			f(first, page-first, run)
		}
	}
	for page := uint32(0); page < pages; page++ {
		if l := m.top[page/leafPages]; l.shared && page%leafPages == 0 && l.access[0] == run {
			page += leafPages - 1
			continue
		}
		if a := m.Access(page); a != run {
			end(page)
			first, run = page, a
		}
	}
	end(pages)
}

// CopyFrom makes m a copy of another memory: access, content and heap.
func (m *Memory) CopyFrom(src *Memory) {
	m.Reset()
	src.eachRun(func(first, count uint32, a Access) {
		m.Map(first, count, Write)
		for page := first; page < first+count; page++ {
			if p := src.content(page); p != &zeroPage && !bytes.Equal(p[:], zeroPage[:]) {
				copy(m.pageToWrite(page)[:], p[:])
			}
		}
		if a != Write {
			m.Protect(first, count, a)
		}
	})
	m.heap = src.heap
}

// Differs finds the first page in whose access or content two memories differ.
func (m *Memory) Differs(other *Memory) (page uint32, differs bool) {
	for page := uint32(0); page < pages; page++ {
		x, y := m.top[page/leafPages], other.top[page/leafPages]
		if x == y && x.access[0] == None && page%leafPages == 0 {
			page += leafPages - 1
			continue
		}
		a := m.Access(page)
		if a != other.Access(page) {
			return page, true
		}
		if a == None {
			continue
		}
		if p, q := m.content(page), other.content(page); p != q && !bytes.Equal(p[:], q[:]) {
			return page, true
		}
	}
	return 0, false
}
