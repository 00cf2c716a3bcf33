package asm

import (
	"fmt"
	"strconv"
	"strings"

	"damson/internal/pvm"
)

// exact reads the directives that say how a program is encoded and what it is.
func (a *assembler) exact(l *line) error {
	switch l.word {
	case ".service":
		metadata, err := quoted(l)
		a.kind, a.metadata = ServiceCode, metadata
		return err
	case ".program":
		if a.kind = ProgramBlob; len(l.operands) > 0 {
			return fmt.Errorf(".program takes no operands")
		}
		return nil
	case ".jumpsize":
		return a.jumpSize(l)
	}
	for _, operand := range l.operands {
		if isName(operand) {
			a.builder.Jumps(operand)
			continue
		}
		place, err := a.value(operand)
		if err != nil {
			return err
		}
		a.builder.jumps = append(a.builder.jumps, entry{place: place})
	}
	return nil
}

// quoted gives the one operand of a line, in double quotes.
func quoted(l *line) ([]byte, error) {
	if len(l.operands) != 1 || !strings.HasPrefix(l.operands[0], `"`) {
		return nil, fmt.Errorf("%s takes text in double quotes", l.word)
	}
	text, err := strconv.Unquote(l.operands[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %s is no text in double quotes", l.word, l.operands[0])
	}
	return []byte(text), nil
}

func (a *assembler) jumpSize(l *line) error {
	if len(l.operands) == 0 || len(l.operands) > 2 {
		return fmt.Errorf("want .jumpsize OCTETS, or .jumpsize 0, COUNT")
	}
	size, err := a.value(l.operands[0])
	if err != nil {
		return err
	}
	if size > 255 || size > 0 && len(l.operands) > 1 {
		return fmt.Errorf(".jumpsize takes at most 255, and a count only after 0")
	}
	form := jumpForm{stated: true, size: int(size)}
	if len(l.operands) == 2 {
		form.count, err = a.value(l.operands[1])
	}
	a.builder.table = form
	return err
}

// codeOctets appends octets to the code.
func (a *assembler) codeOctets(l *line) error {
	octets, err := a.octets(&line{word: ".octets", operands: l.operands})
	switch {
	case err != nil:
		return err
	case len(octets) == 0:
		return fmt.Errorf("%s takes octets", l.word)
	case l.word == ".pad":
		a.builder.Pad(octets...)
		return nil
	}
	a.builder.Raw(octets...)
	a.last = pvm.Opcode(octets[0])
	return nil
}

// widths reads how many octets the immediates of an instruction have, as "2" or "2/1" after its name.
func (o *Operands) widths(f pvm.Format, text string) error {
	if text == "" {
		return nil
	}
	want := o.widthsOf(f)
	parts := strings.Split(text, "/")
	if len(parts) != len(want) {
		return fmt.Errorf("%d lengths for %d immediates", len(parts), len(want))
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || n > 4 {
			return fmt.Errorf("%q is no length from 0 to 4", part)
		}
		*want[i] = uint8(n) + 1
	}
	return nil
}

// widthsOf lists the widths that instructions of a format have, in the order of the text.
func (o *Operands) widthsOf(f pvm.Format) (widths []*uint8) {
	if f == pvm.OneRegExtImm {
		return nil
	}
	for _, kind := range operandKinds[f] {
		switch kind {
		case 'X':
			widths = append(widths, &o.WidthX)
		case 'Y', 'T':
			widths = append(widths, &o.WidthY)
		}
	}
	return widths
}
