package erasure

import (
	"crypto/subtle"
	"encoding/binary"
)

// generic is the kernel in plain Go: fallback for every CPU, oracle for the others. Its rows hold words as shards
// do, filled up with zeros to whole groups of four.
type generic struct {
	field  *field
	tables []table // by half the factor
}

// table has the products of one factor with all low octets, and with all high octets.
type table struct{ low, high [256]uint16 }

func newGeneric(positions int) kernel {
	g := &generic{gf(), make([]table, positions/2)}
	for i := range g.tables {
		p := g.field.products(uint16(2 * i))
		t := &g.tables[i]
		for j := range 8 {
			for w := range 1 << j {
				t.low[1<<j|w] = t.low[w] ^ p[j]
				t.high[1<<j|w] = t.high[w] ^ p[8+j]
			}
		}
	}
	return g
}

// times4 multiplies four words.
func (t *table) times4(v uint64) uint64 {
	return uint64(t.low[uint8(v)]^t.high[uint8(v>>8)]) |
		uint64(t.low[uint8(v>>16)]^t.high[uint8(v>>24)])<<16 |
		uint64(t.low[uint8(v>>32)]^t.high[uint8(v>>40)])<<32 |
		uint64(t.low[uint8(v>>48)]^t.high[uint8(v>>56)])<<48
}

func (g *generic) stride(octets int) int { return (min(octets, 256) + 7) &^ 7 }

func (g *generic) load(row, words []byte) { clear(row[copy(row, words):]) }

func (g *generic) store(words, row []byte) { copy(words, row) }

func (g *generic) inverse(x, y []byte, factor int) {
	if factor == 0 {
		subtle.XORBytes(y, y, x)
		return
	}
	t := &g.tables[factor/2]
	for len(x) >= 8 && len(y) >= 8 {
		low := binary.LittleEndian.Uint64(x)
		high := binary.LittleEndian.Uint64(y) ^ low
		binary.LittleEndian.PutUint64(y, high)
		binary.LittleEndian.PutUint64(x, low^t.times4(high))
		x, y = x[8:], y[8:]
	}
}

func (g *generic) forward(x, y []byte, factor int) {
	if factor == 0 {
		subtle.XORBytes(y, y, x)
		return
	}
	t := &g.tables[factor/2]
	for len(x) >= 8 && len(y) >= 8 {
		high := binary.LittleEndian.Uint64(y)
		low := binary.LittleEndian.Uint64(x) ^ t.times4(high)
		binary.LittleEndian.PutUint64(x, low)
		binary.LittleEndian.PutUint64(y, high^low)
		x, y = x[8:], y[8:]
	}
}

func (g *generic) inverse8(rows []byte, part, first int)     { inverse8(g, rows, part, first) }
func (g *generic) forward8(to, from []byte, part, first int) { forward8(g, to, from, part, first) }

func (g *generic) scalers(logs []int) scaler { return &genericScaler{g.field, logs} }

type genericScaler struct {
	field *field
	logs  []int
}

func (s *genericScaler) scale(row []byte, i int) {
	for log := s.logs[i]; len(row) >= 2; row = row[2:] {
		binary.LittleEndian.PutUint16(row, s.field.times(binary.LittleEndian.Uint16(row), log))
	}
}
