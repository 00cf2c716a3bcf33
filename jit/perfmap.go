package jit

import (
	"bufio"
	"fmt"
	"io"
	"sync"
)

// perfMap names compiled blocks in the format that perf reads from /tmp/perf-PID.map: address, size, name.
type perfMap struct {
	mu sync.Mutex
	w  io.Writer
}

// add writes the names of a program's blocks: the first octets of its identity, and where the block begins.
func (m *perfMap) add(c *code) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := bufio.NewWriter(m.w)
	id, base := c.program.Identity(), uint64(c.native.Base())
	end := uint64(c.size)
	blocks := c.program.Blocks
	for i := len(blocks) - 1; i >= 0; i-- { // backwards, so that each block's end is known
		from := uint64(c.labels[i])
		if from == 0 || from >= end {
			continue
		}
		fmt.Fprintf(b, "%x %x pvm_%x_%d\n", base+from, end-from, id[:4], c.program.PC(blocks[i].First))
		end = from
	}
	return b.Flush()
}
