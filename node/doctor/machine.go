package doctor

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"

	"damson/internal/pvm"

	"github.com/klauspost/cpuid/v2"
)

func (m *Machine) setDefaults() {
	if m.Create == nil {
		m.Create = create
	}
	if m.Disk == nil {
		m.Disk = measureDisk
	}
	if m.Files == nil {
		m.Files = fileLimit
	}
	if m.Feature == nil {
		m.Feature = func(name string) bool { return cpuid.CPU.Supports(cpuid.ParseFeature(name)) }
	}
}

// How many files a node needs: the database keeps a thousand open, and every client has one.
const (
	filesFew     = 4096
	filesTooFew  = 1024
	filesAdvised = 65536
)

func (o *Options) files() Finding {
	const check = "open files"
	n, err := o.Machine.Files()
	fix := fmt.Sprintf("Raise the limit: ulimit -n %d, or LimitNOFILE=%d in the systemd unit.", filesAdvised, filesAdvised)
	says := fmt.Sprintf("the node may have %d", n)
	switch {
	case err != nil:
		return Finding{check, Skipped, err.Error(), ""}
	case n < filesTooFew:
		return Finding{check, Fault, says + ", which is too few", fix}
	case n < filesFew:
		return Finding{check, Warning, says + ", which may become too few", fix}
	}
	return Finding{check, Good, says, ""}
}

// Features of amd64 that the recompiler needs, and those that make it and the hashes and codes fast.
var (
	featuresNeeded = []string{"BMI1", "BMI2", "LZCNT", "POPCNT"}
	featuresWanted = []string{"AVX2", "ADX", "SSSE3"}
)

func (o *Options) features() Finding {
	const check = "processor"
	if runtime.GOARCH != "amd64" {
		return Finding{check, Skipped, "on " + runtime.GOARCH + " the interpreter runs, which is slower", "Run validators on amd64 Linux."}
	}
	lacking := func(list []string) (all []string) {
		for _, name := range list {
			if !o.Machine.Feature(name) {
				all = append(all, name)
			}
		}
		return all
	}
	if all := lacking(featuresNeeded); len(all) > 0 {
		return Finding{
			check, Fault, "it lacks " + strings.Join(all, ", ") + ": services are interpreted, which is too slow for a validator",
			"Use a processor of 2015 or later; in a virtual machine have it pass its features on (cpu: host).",
		}
	}
	if all := lacking(featuresWanted); len(all) > 0 {
		return Finding{
			check, Warning, "it lacks " + strings.Join(all, ", ") + ": hashes and erasure codes are slower",
			"In a virtual machine have the processor pass its features on (cpu: host).",
		}
	}
	return Finding{check, Good, "it has what the node makes use of", ""}
}

// Programs of the test of the engines.
const (
	testPrograms = 400
	testOctets   = 96
	testGas      = 20_000
	testSeed     = 0xda3502
)

// engines runs programs drawn by lot on both engines, and compares all that comes of it.
func (o *Options) engines() Finding {
	const check = "recompiler"
	if o.Machine.JIT == nil || o.Machine.Interp == nil {
		return Finding{check, Skipped, "no engines were given", ""}
	}
	machine, err := o.Machine.JIT()
	if err != nil {
		return Finding{check, Warning, fmt.Sprintf("it does not run here, and the interpreter takes its place: %v", err), "Run validators on amd64 Linux."}
	}
	reference := o.Machine.Interp
	random := rand.New(rand.NewPCG(testSeed, 1)) //nolint:gosec // the same programs each time
	ran := 0
	for i := range testPrograms {
		p, err := pvm.Decode(draw(random))
		if err != nil {
			continue
		}
		ran++
		if difference := compare(machine, reference, p); difference != "" {
			return Finding{
				check, Fault, fmt.Sprintf("it and the interpreter differ on program %d: %s", i, difference),
				"Run with --engine interp, have the machine's memory tested, and report this.",
			}
		}
	}
	if ran == 0 {
		return Finding{check, Fault, "none of the test's programs can be decoded", "Report this."}
	}
	return Finding{check, Good, fmt.Sprintf("it and the interpreter agree on %d programs", ran), ""}
}

// draw gives a program of instructions drawn by lot. Those that reach for memory are left out: at addresses drawn by lot there is none.
func draw(random *rand.Rand) []byte {
	code, mask := make([]byte, testOctets), make([]byte, testOctets/8)
	for at := 0; at < testOctets; at += 1 + random.IntN(6) {
		mask[at/8] |= 1 << (at % 8)
		for {
			code[at] = byte(random.Uint32())
			if op := &pvm.Ops[code[at]]; op.Name != "" && op.Flags&pvm.Ends == 0 && !reaches(op.Name) {
				break
			}
		}
		for i := at + 1; i < min(at+6, testOctets); i++ {
			code[i] = byte(random.Uint32())
		}
	}
	return append(append([]byte{0, 1, testOctets}, code...), mask...)
}

func reaches(name string) bool {
	return strings.HasPrefix(name, "load_") && !strings.HasPrefix(name, "load_imm") || strings.HasPrefix(name, "store_") ||
		name == "ecalli" || name == "sbrk"
}

// compare says what is different; nothing if all is the same.
func compare(a, b pvm.Engine, p *pvm.Program) string {
	run := func(e pvm.Engine) (m *pvm.Machine, exit pvm.Exit, err error) {
		code, err := e.Compile(p)
		if err != nil {
			return nil, exit, err
		}
		m = &pvm.Machine{Mem: e.NewMemory(), Gas: testGas}
		defer m.Mem.Release()
		m.Mem.Reset()
		for i := range m.Regs {
			m.Regs[i] = uint64(i) * 0x9e3779b97f4a7c15
		}
		return m, code.Run(m), nil
	}
	x, exitX, errX := run(a)
	y, exitY, errY := run(b)
	switch {
	case errX != nil || errY != nil:
		return fmt.Sprintf("%v, %v", errX, errY)
	case exitX != exitY:
		return fmt.Sprintf("it ends with %v, the other with %v", exitX, exitY)
	case x.Gas != y.Gas:
		return fmt.Sprintf("%d gas are left, and %d", x.Gas, y.Gas)
	case x.Regs != y.Regs || x.PC != y.PC:
		return "registers"
	}
	return ""
}
