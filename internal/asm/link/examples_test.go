package link

import (
	"encoding/binary"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"damson/internal/asm"
	"damson/internal/pvm"
)

const examples = "../../../docs/services"

// native compiles an example for this machine.
func native(t *testing.T, name string) string {
	t.Helper()
	for _, c := range []string{"cc", "clang", "gcc"} {
		if _, err := exec.LookPath(c); err == nil {
			binary := filepath.Join(t.TempDir(), name)
			command(t, c, "-O1", "-I", ".", "-o", binary, filepath.Join(examples, name+".c"))
			return binary
		}
	}
	t.Skip("no C compiler for this machine: apt install gcc")
	return ""
}

// TestCalc: the first example of docs/services gives what the native program gives.
func TestCalc(t *testing.T) {
	program := native(t, "calc")
	for _, c := range compilers(t) {
		t.Run(c.name, func(t *testing.T) {
			result, err := Link([]File{c.compile(t, filepath.Join(examples, "calc.c"))}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if result.Object.Kind != asm.StandardProgram {
				t.Errorf("a %v, want a standard program", result.Object.Kind)
			}
			for _, text := range []string{
				"2*(3+4)", "1+", "-7/2", "-7%4", "10/(5-5)", " 12 * 12 - 1 )", "9223372036854775807+1", "((((1))))", "", "6*7",
			} {
				want := string(command(t, program, text))
				if got := string(run(t, result.Object, 0, []byte(text), nil)); got != want {
					t.Errorf("%q: %q, want %q", text, got, want)
				}
			}
		})
	}
}

// TestTally: the second example, a service, finds as many words as the native program.
func TestTally(t *testing.T) {
	program := native(t, "tally")
	payloads := []string{"one two", "three", "  ", "four five  six"}
	want := string(command(t, append([]string{program}, payloads...)...))
	for _, c := range compilers(t) {
		t.Run(c.name, func(t *testing.T) {
			result, err := Link([]File{c.compile(t, filepath.Join(examples, "tally.c"))}, Options{Metadata: "tally"})
			if err != nil {
				t.Fatal(err)
			}
			if o := result.Object; o.Kind != asm.ServiceCode || string(o.Metadata) != "tally" {
				t.Errorf("a %v of %q", o.Kind, o.Metadata)
			}
			chain := chain{storage: map[string][]byte{}}
			for _, payload := range payloads {
				arguments := append([]byte{0, 0, 0, byte(len(payload))}, payload...)
				found := run(t, result.Object, 0, append(arguments, make([]byte, 32)...), nil)
				input := append(make([]byte, 1+4*32+2), byte(len(found)))
				chain.inputs = append(chain.inputs, append(input, found...))
			}
			run(t, result.Object, entrySize, nil, chain.answer)
			if got := strconv.FormatUint(binary.LittleEndian.Uint64(chain.storage["words"]), 10); got != want {
				t.Errorf("%s words, want %s", got, want)
			}
		})
	}
}

// chain answers the host calls fetch, read and write.
type chain struct {
	inputs  [][]byte
	storage map[string][]byte
}

func (c *chain) answer(m *pvm.Machine, number uint64) bool {
	octets := func(addr, n uint64) string {
		b := make([]byte, n)
		m.Mem.Read(b, addr)
		return string(b)
	}
	r := &m.Regs
	switch number {
	case 1: // fetch
		if r[10] != 15 || r[11] >= uint64(len(c.inputs)) {
			r[7] = 1<<64 - 1
			return true
		}
		in := c.inputs[r[11]]
		m.Mem.Write(r[7], in[:min(uint64(len(in)), r[9])])
		r[7] = uint64(len(in))
	case 3: // read
		value, ok := c.storage[octets(r[8], r[9])]
		if !ok {
			r[7] = 1<<64 - 1
			return true
		}
		m.Mem.Write(r[10], value)
		r[7] = uint64(len(value))
	case 4: // write
		c.storage[octets(r[7], r[8])] = []byte(octets(r[9], r[10]))
		r[7] = 1<<64 - 1
	default:
		return false
	}
	return true
}
