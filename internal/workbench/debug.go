package workbench

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"damson/internal/pvm"
)

// DebugHelp says what the debugger understands.
const DebugHelp = `Commands (the letter in front is enough; an empty line repeats the last one):
  s, step [N]            run one instruction, or N
  n, next                the same, but a call runs until it returns
  c, continue            run to a breakpoint or the end
  b, break [PLACE]       stop before the instruction there; without a place list breakpoints
  d, delete PLACE        remove a breakpoint
  r, registers           show registers, gas and counter
  m, memory ADDR [N]     show N octets of memory, 64 without N
  l, list [PLACE] [N]    show N instructions, 10 without N
  set rN VALUE           write a register; "set gas VALUE" and "set pc PLACE" likewise
  restart                begin again
  q, quit                leave
A place is a number (12, 0x1f), or a function where there are symbols. A value is a number or a register.
A host call stops; set r7 to its result and continue.
`

// debugger is a run under control.
type debugger struct {
	*Session
	engine pvm.Engine
	out    io.Writer
	m      *pvm.Machine
	code   pvm.Code
	breaks []uint64
	ended  string // why the run cannot go on
	err    error  // of the engine
}

// Debug reads commands and does what they say, until there are none. It ends with an error only if reading or writing
// fails.
func (s *Session) Debug(engine pvm.Engine, in io.Reader, out io.Writer) error {
	w := bufio.NewWriter(out)
	d := &debugger{Session: s, engine: engine, out: w}
	if err := d.restart(); err != nil {
		return err
	}
	defer func() { d.m.Mem.Release() }()
	d.show()
	scanner := bufio.NewScanner(in)
	last := []string{"help"}
	for {
		fmt.Fprint(w, "(pvm) ")
		if err := w.Flush(); err != nil {
			return err
		}
		if !scanner.Scan() {
			fmt.Fprintln(w)
			return cmpErr(scanner.Err(), w.Flush())
		}
		if words := strings.Fields(scanner.Text()); len(words) > 0 {
			last = words
		}
		if last[0] == "q" || last[0] == "quit" {
			return w.Flush()
		}
		if err := d.command(last[0], last[1:]); err != nil {
			fmt.Fprintln(w, err)
		}
	}
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (d *debugger) restart() error {
	if d.m != nil {
		d.m.Mem.Release()
	}
	d.ended = ""
	d.m, d.code, d.err = d.start(d.engine)
	return d.err
}

func (d *debugger) command(word string, args []string) error {
	switch word {
	case "s", "step":
		n, err := number(args, 0, 1)
		if err != nil {
			return err
		}
		for n > 0 && d.one() {
			n--
		}
		d.show()
	case "n", "next":
		d.next()
		d.show()
	case "c", "continue":
		d.resume(nil)
		d.show()
	case "b", "break", "d", "delete":
		return d.breakpoint(word[0] == 'd', args)
	case "r", "registers":
		d.registers()
	case "m", "memory":
		return d.memory(args)
	case "l", "list":
		return d.list(args)
	case "set":
		return d.set(args)
	case "restart":
		if err := d.restart(); err != nil {
			return err
		}
		d.show()
	case "h", "help":
		fmt.Fprint(d.out, DebugHelp)
	default:
		return fmt.Errorf("no command %q; try help", word)
	}
	return nil
}

// one runs an instruction, and reports whether the run can go on.
func (d *debugger) one() bool {
	if d.ended != "" {
		return false
	}
	exit, stopped := step(d.code, d.m)
	if stopped && !d.answers(d.m, exit) {
		if exit.Reason == pvm.HostCall {
			fmt.Fprintf(d.out, "host call %d\n", exit.Arg)
			return false
		}
		d.ended = ending(exit)
		return false
	}
	return true
}

// next runs an instruction, and a call to where it returns.
func (d *debugger) next() {
	_, in, ok := d.instruction(d.m.PC)
	if ok && (in.Op == pvm.LoadImmJump || in.Op == pvm.LoadImmJumpInd) {
		if back := d.Image.Program.Djump(uint32(in.X)); back != pvm.NoTarget {
			pc, stack := d.Image.Program.PC(back), d.m.Regs[1]
			d.resume(func() bool { return d.m.PC == pc && d.m.Regs[1] >= stack })
			return
		}
	}
	d.one()
}

// resume runs to a breakpoint, the end, or where until holds.
func (d *debugger) resume(until func() bool) {
	for d.one() {
		if slices.Contains(d.breaks, d.m.PC) {
			fmt.Fprintf(d.out, "breakpoint at %#x\n", d.m.PC)
			return
		}
		if until != nil && until() {
			return
		}
	}
}

// show says where the run is.
func (d *debugger) show() {
	if d.ended != "" {
		fmt.Fprintf(d.out, "ended: %s at %#x, gas %d\n", d.ended, d.m.PC, d.m.Gas)
		return
	}
	text, _, _ := d.instruction(d.m.PC)
	d.row("%6x  %-42s %s", d.m.PC, text, d.where(d.m.PC))
}

// row writes a line without blanks at its end.
func (d *debugger) row(format string, args ...any) {
	fmt.Fprintln(d.out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (d *debugger) where(pc uint64) string {
	if _, ok := d.Symbols.Find(uint32(pc)); !ok {
		return ""
	}
	return "<" + d.Symbols.Where(uint32(pc)) + ">"
}

func (d *debugger) registers() {
	for i, r := range d.m.Regs {
		fmt.Fprintf(d.out, "r%-3d 0x%016x %d\n", i, r, int64(r))
	}
	fmt.Fprintf(d.out, "pc   %#x\ngas  %d\n", d.m.PC, d.m.Gas)
}

func (d *debugger) breakpoint(remove bool, args []string) error {
	if len(args) == 0 && !remove {
		for _, pc := range d.breaks {
			fmt.Fprintf(d.out, "%#x %s\n", pc, d.where(pc))
		}
		return nil
	}
	if len(args) != 1 {
		return fmt.Errorf("want one place")
	}
	pc, err := d.place(args[0])
	if err != nil {
		return err
	}
	at := slices.Index(d.breaks, pc)
	switch _, ok := d.Image.Program.Index(pc); {
	case !ok:
		return fmt.Errorf("no instruction begins at %#x", pc)
	case remove && at < 0:
		return fmt.Errorf("no breakpoint at %#x", pc)
	case remove:
		d.breaks = slices.Delete(d.breaks, at, at+1)
	case at < 0:
		d.breaks = append(d.breaks, pc)
	}
	return nil
}

// maxShown is how many octets and instructions are shown at once.
const maxShown = 1 << 16

func (d *debugger) memory(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("want an address")
	}
	addr, err := d.value(args[0])
	if err != nil {
		return err
	}
	n, err := number(args, 1, 64)
	if err != nil {
		return err
	}
	octets := make([]byte, min(n, maxShown))
	if !d.m.Mem.Read(octets, addr) {
		return fmt.Errorf("the program cannot read %d octets at %#x", len(octets), addr)
	}
	for row := range slices.Chunk(octets, 16) {
		shown := []byte(strings.Clone(string(row)))
		for i, c := range shown {
			if c < ' ' || c > '~' {
				shown[i] = '.'
			}
		}
		fmt.Fprintf(d.out, "%08x  %-32s  %s\n", addr, hex.EncodeToString(row), shown)
		addr += uint64(len(row))
	}
	return nil
}

func (d *debugger) list(args []string) error {
	pc := d.m.PC
	if len(args) > 0 {
		var err error
		if pc, err = d.place(args[0]); err != nil {
			return err
		}
	}
	n, err := number(args, 1, 10)
	if err != nil {
		return err
	}
	i, ok := d.Image.Program.Index(pc)
	if !ok {
		return fmt.Errorf("no instruction begins at %#x", pc)
	}
	for ; n > 0 && int(i) < len(d.Image.Program.Insts)-1; i, n = i+1, n-1 {
		mark := ' '
		at := d.Image.Program.PC(i)
		if slices.Contains(d.breaks, at) {
			mark = '*'
		}
		d.row("%c%5x  %-42s %s", mark, at, d.Listing.Instruction(i), d.where(at))
	}
	return nil
}

func (d *debugger) set(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want set rN VALUE, set gas VALUE, or set pc PLACE")
	}
	if args[0] == "pc" {
		pc, err := d.place(args[1])
		if err == nil {
			d.m.PC, d.ended = pc, ""
		}
		return err
	}
	value, err := d.value(args[1])
	if err != nil {
		return err
	}
	if args[0] == "gas" {
		if value > pvm.GasCap {
			return fmt.Errorf("more gas than %d", int64(pvm.GasCap))
		}
		d.m.Gas, d.ended = int64(value), ""
		return nil
	}
	r, ok := d.register(args[0])
	if !ok {
		return fmt.Errorf("%q is no register", args[0])
	}
	*r = value
	return nil
}

func (d *debugger) register(name string) (*uint64, bool) {
	digits, ok := strings.CutPrefix(name, "r")
	n, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil || n >= pvm.Registers {
		return nil, false
	}
	return &d.m.Regs[n], true
}

// value is a number or what a register holds.
func (d *debugger) value(text string) (uint64, error) {
	if r, ok := d.register(text); ok {
		return *r, nil
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return uint64(n), nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a register", text)
	}
	return n, nil
}

// place is a number or where a function begins.
func (d *debugger) place(text string) (uint64, error) {
	if sym, ok := d.Symbols.Lookup(text); ok {
		return uint64(sym.PC), nil
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a number nor a function", text)
	}
	return n, nil
}

// number is argument i, or what it is without.
func number(args []string, i int, without uint64) (uint64, error) {
	if len(args) <= i {
		return without, nil
	}
	n, err := strconv.ParseUint(args[i], 0, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", args[i])
	}
	return n, nil
}
