package link

import (
	"encoding/binary"

	"damson/internal/pvm"
)

// groups sorts the data of the program: what is only read, what has content, and what begins as zeros.
func (l *linker) groups() (ro, rw, bss []*section) {
	for _, s := range l.sections {
		switch {
		case s.executes():
		case s.flags&flagWrite == 0:
			ro = append(ro, s)
		case s.kind == sectionNoBits:
			bss = append(bss, s)
		default:
			rw = append(rw, s)
		}
	}
	return ro, rw, bss
}

// The most that a program can have of read-only data, or of data with content, and of zeros.
const (
	maxData  = 1 << 24
	maxZeros = 1 << 28
)

// layOut gives sections their places in the guest's memory. GP §A.7.
func (l *linker) layOut() error {
	ro, rw, bss := l.groups()
	end := uint64(pvm.ZoneSize)
	put := func(sections []*section, limit uint64) error {
		limit += end
		for _, s := range sections {
			if s.align&(s.align-1) != 0 || s.align > pvm.ZoneSize || s.size > limit || end+s.size > limit {
				return fail("%s: %d octets aligned to %d are too much for a program", s.at(0), s.size, s.align)
			}
			end = (end + s.align - 1) &^ (s.align - 1)
			s.place = end
			end += s.size
		}
		return nil
	}
	if err := put(ro, maxData); err != nil {
		return err
	}
	end = rwStart(ro)
	if err := put(rw, maxData); err != nil {
		return err
	}
	return put(bss, maxZeros)
}

// rwStart is where data begins that can be written.
func rwStart(ro []*section) uint64 {
	end := uint64(pvm.ZoneSize)
	if n := len(ro); n > 0 {
		end = ro[n-1].place + ro[n-1].size
	}
	return (end+pvm.ZoneSize-1)&^(pvm.ZoneSize-1) + pvm.ZoneSize
}

// contents is the memory of sections that lie behind each other.
func contents(sections []*section) (octets []byte) {
	for _, s := range sections {
		if s.size == 0 {
			continue
		}
		start := sections[0].place &^ (pvm.ZoneSize - 1)
		octets = append(octets, make([]byte, s.place-start-uint64(len(octets)))...)
		if s.data == nil {
			octets = append(octets, make([]byte, s.size)...)
		} else {
			octets = append(octets, s.data...)
		}
	}
	return octets
}

// fillData writes the addresses that data holds.
func (l *linker) fillData() error {
	l.got.data = make([]byte, l.got.size)
	for at, offset := range l.gotAt {
		binary.LittleEndian.PutUint64(l.got.data[offset:], l.address(at))
	}
	for _, s := range l.sections {
		if s.executes() || len(s.relocs) == 0 {
			continue
		}
		if s.data == nil {
			return fail("%s: relocations of zeros", s.at(0))
		}
		s.data = append([]byte(nil), s.data...)
		begun := map[uint64]bool{} // where a sum has begun, in place of what the file has there
		for i := range s.relocs {
			if err := l.fill(s, &s.relocs[i], begun); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill writes what a relocation asks for.
func (l *linker) fill(s *section, r *reloc, begun map[uint64]bool) error {
	if r.kind == relNone || r.kind == relRelax || r.kind == relAlign {
		return nil
	}
	form, ok := dataForms[r.kind]
	if !ok {
		return fail("%s: relocation %d is not for data", s.at(r.offset), r.kind)
	}
	if r.offset > s.size || uint64(form.size) > s.size-r.offset {
		return fail("%s: a relocation of %d octets at the end of %#x", s.at(r.offset), form.size, s.size)
	}
	at, err := l.find(s, r)
	if err != nil {
		return err
	}
	if err := l.checkCode(s, r.offset, at); err != nil {
		return err
	}
	value := l.address(at)
	field := s.data[r.offset:][:form.size]
	var le [8]byte
	if form.sign != 0 && begun[r.offset] {
		copy(le[:], field)
	}
	begun[r.offset] = true
	switch old := binary.LittleEndian.Uint64(le[:]); form.sign {
	case 1:
		value = old + value
	case -1:
		value = old - value
	}
	binary.LittleEndian.PutUint64(le[:], value)
	copy(field, le[:])
	return nil
}
