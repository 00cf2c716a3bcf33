package pvm

// heap is what sbrk moves.
type heap struct {
	end   uint64 // the next octet that sbrk gives out
	limit uint64 // where it must end
}

// buffers are slices that outlive what was loaded into them.
type buffers struct{ rw, stack, args []byte }

// What programs may never touch is made ready in advance only up to these sizes.
const (
	eagerHeap  = 1 << 20
	eagerStack = 1 << 18
)

// load makes the memory that a standard program begins with. GP eq:memlayout.
//
// If the memory was made for the same program before and its access was not changed since but by
// sbrk, only the content is set again, which takes a few microseconds.
func (m *Memory) load(img *Image, args []byte) {
	heapPage := img.rwStart / PageSize
	heapEnd := heapPage + img.rwPages
	if m.loaded == img {
		grown := uint32(wholePages(m.heap.end)/PageSize) - heapEnd
		m.wipe(heapEnd, grown)
	} else {
		m.Reset()
		m.borrow(firstPage, img.ro)
	}
	stackPages := img.stackSize / PageSize
	m.fresh(heapPage, img.rwPages, max(eagerHeap, len(img.rw)), false, &m.buffers.rw)
	m.fresh(stackTop/PageSize-stackPages, stackPages, eagerStack, true, &m.buffers.stack)
	m.Write(uint64(img.rwStart), img.rw)
	m.setArgs(args)
	m.heap = heap{
		end:   uint64(heapEnd) * PageSize,
		limit: stackTop - uint64(img.stackSize) - ZoneSize,
	}
	m.loaded = img
}

// borrow makes pages that can be read and hold data, which fills whole pages and never changes.
func (m *Memory) borrow(first uint32, data []byte) {
	count := uint32(len(data) / PageSize)
	if m.backing == nil {
		m.setAccess(first, count, Read)
		m.attach(first, data)
		m.borrows = true
		return
	}
	m.setAccess(first, count, Write)
	m.Write(uint64(first)*PageSize, data)
	m.setAccess(first, count, Read)
}

// fresh makes pages that can be written and hold zeros, whatever was there before. In the plain
// form, some at the beginning or at the end get content at once, from a buffer.
func (m *Memory) fresh(first, count uint32, eager int, atEnd bool, buffer *[]byte) {
	if m.backing != nil {
		m.freshInBacking(first, count)
		return
	}
	ready := uint32(min(uint64(count), wholePages(uint64(eager))/PageSize))
	bare, at := first+ready, first
	if atEnd {
		bare, at = first, first+count-ready
	}
	m.wipe(bare, count-ready)
	m.setAccess(first, count, Write)
	m.attach(at, zeros(buffer, int(ready)*PageSize))
}

// resident is up to what size writable memory is cleared rather than given back.
const resident = 1 << 20

func (m *Memory) freshInBacking(first, count uint32) {
	if count == 0 {
		return
	}
	start, size := uint64(first)*PageSize, uint64(count)*PageSize
	if size <= resident && m.allowsPages(first, count, Write) {
		clear(m.backing.Bytes()[start : start+size])
		return
	}
	m.wipe(first, count)
	m.setAccess(first, count, Write)
}

// setArgs replaces the arguments, the pages at argsStart.
func (m *Memory) setArgs(args []byte) {
	m.wipe(argsStart/PageSize, m.argPages)
	m.argPages = uint32(wholePages(uint64(len(args))) / PageSize)
	if m.argPages == 0 {
		return
	}
	if m.backing == nil {
		m.setAccess(argsStart/PageSize, m.argPages, Read)
		m.attach(argsStart/PageSize, zeros(&m.buffers.args, int(m.argPages)*PageSize))
		copy(m.buffers.args, args)
		return
	}
	m.setAccess(argsStart/PageSize, m.argPages, Write)
	m.Write(argsStart, args)
	m.setAccess(argsStart/PageSize, m.argPages, Read)
}

// zeros makes a buffer hold n zeros.
func zeros(buffer *[]byte, n int) []byte {
	if n > cap(*buffer) {
		*buffer = make([]byte, n)
	} else {
		*buffer = (*buffer)[:n]
		clear(*buffer)
	}
	return *buffer
}

// attach gives accessible pages their content, in one slice.
func (m *Memory) attach(first uint32, data []byte) {
	if len(data) == 0 {
		return
	}
	count := uint32(len(data) / PageSize)
	m.dropSpans(first, count)
	m.spans = append(m.spans, span{first, data})
	for i := range count {
		l := m.own((first + i) / leafPages)
		at := (first + i) % leafPages
		p := (*Page)(data[int(i)*PageSize:])
		l.read[at] = p
		if l.access[at] == Write {
			l.write[at] = p
		}
	}
}

// dropSpans forgets the slices that any of these pages lie in.
func (m *Memory) dropSpans(first, count uint32) {
	kept := m.spans[:0]
	for _, s := range m.spans {
		if end := s.first + uint32(len(s.data)/PageSize); end <= first || s.first >= first+count {
			kept = append(kept, s)
		}
	}
	clear(m.spans[len(kept):])
	m.spans = kept
}

// Sbrk is the instruction sbrk: it moves the end of the heap up by n octets, makes the pages that
// are newly covered writable, and returns where the end was; 0 if the heap cannot grow so far. The
// Gray Paper leaves open where the end is, see docs/SPEC-NOTES.md. GP §A.5.9.
func (m *Memory) Sbrk(n uint64) uint64 {
	old := m.heap.end
	if n > m.heap.limit || old > m.heap.limit-n {
		return 0
	}
	m.heap.end = old + n
	first := wholePages(old) / PageSize
	end := wholePages(m.heap.end) / PageSize
	m.setAccess(uint32(first), uint32(end-first), Write)
	return old
}

// HeapEnd is where sbrk would begin to give out memory.
func (m *Memory) HeapEnd() uint64 { return m.heap.end }
