package measure

import (
	"fmt"
	"strings"

	"damson/internal/asm"
	"damson/internal/pvm"
)

// What a typical service takes up, and how much of it a run touches.
const (
	serviceRO    = 64 << 10
	serviceRW    = 64 << 10 // and 192 KiB of zeros behind it
	serviceHeap  = 48
	serviceStack = 64 << 10
	touched      = 19
)

// Service is a typical service that stands ready to be instantiated.
type Service struct {
	engine pvm.Engine
	image  *pvm.Image
	code   pvm.Code
}

// NewService readies it: 64 KiB of data to read, 256 KiB to write, 64 KiB of stack, and code that touches 19 pages.
func NewService(e pvm.Engine) (*Service, error) {
	var text strings.Builder
	fmt.Fprintf(&text, ".ro\ntable: .zero %d\n.rw\ndata: .octets 1\n.zero %d\n.heap %d\n.stack %d\n.code\n",
		serviceRO, serviceRW-1, serviceHeap, serviceStack)
	for i := range touched {
		switch {
		case i < 4:
			fmt.Fprintf(&text, "load_u64 r3, table + %d\n", i*pvm.PageSize)
		case i < 18:
			fmt.Fprintf(&text, "store_u64 r3, data + %d\n", (i-4)*3*pvm.PageSize)
		default:
			text.WriteString("store_ind_u64 r3, r1, -8\n")
		}
	}
	text.WriteString("jump_ind r0, 0\n")
	object, err := asm.Assemble(text.String())
	if err != nil {
		return nil, err
	}
	image, err := pvm.DecodeImage(object.Image())
	if err != nil {
		return nil, err
	}
	code, err := e.Compile(image.Program)
	if err != nil {
		return nil, err
	}
	return &Service{e, image, code}, nil
}

// Instantiate takes a memory from the pool, loads the service, runs it, and gives the memory back.
func (s *Service) Instantiate() error {
	m := pvm.Machine{Mem: s.engine.NewMemory(), Gas: 1000}
	defer m.Mem.Release()
	if err := s.image.Start(&m, nil); err != nil {
		return err
	}
	if exit := s.code.Run(&m); exit.Reason != pvm.Halt {
		return fmt.Errorf("service ended with %v %#x at %d", exit.Reason, exit.Arg, m.PC)
	}
	return nil
}

// Compiler compiles a program anew each time.
type Compiler struct {
	engine pvm.Engine
	blob   []byte
	image  *pvm.Image
	other  *pvm.Program
}

// NewCompiler readies the compiling of a standard program on an engine that keeps next to nothing of what it compiled
// (jit.Options.CacheBytes): a small program in between makes it forget.
func NewCompiler(e pvm.Engine, blob []byte) (*Compiler, error) {
	image, err := pvm.DecodeImage(blob)
	if err != nil {
		return nil, err
	}
	other, err := pvm.Decode([]byte{0, 1, 1, 0, 1})
	if err != nil {
		return nil, err
	}
	return &Compiler{e, blob, image, other}, nil
}

// Octets is the size of the guest's code.
func (c *Compiler) Octets() int { return len(c.image.Program.Code()) }

// Compile makes code of the decoded program.
func (c *Compiler) Compile() (pvm.Code, error) { return c.engine.Compile(c.image.Program) }

// Forget makes the engine do so.
func (c *Compiler) Forget() error {
	_, err := c.engine.Compile(c.other)
	return err
}

// DecodeAndCompile makes code of the blob: all that a node does with a program that it has not seen before.
func (c *Compiler) DecodeAndCompile() (pvm.Code, error) {
	image, err := pvm.DecodeImage(c.blob)
	if err != nil {
		return nil, err
	}
	return c.engine.Compile(image.Program)
}
