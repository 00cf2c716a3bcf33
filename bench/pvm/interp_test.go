// Package pvm times the engines on the programs of bench/programs.
package pvm

import (
	"testing"

	"damson/bench/programs"
	"damson/internal/pvm"
	"damson/interp"
)

// engines are what is timed, by name.
var engines = map[string]pvm.Engine{"interp": interp.New()}

// BenchmarkRun times the long run of every program. A gas unit is an instruction, so Minst/s is
// also Mgas/s.
func BenchmarkRun(b *testing.B) {
	all, err := programs.All()
	if err != nil {
		b.Fatal(err)
	}
	for name, engine := range engines {
		for _, p := range all {
			b.Run("engine="+name+"/program="+p.Name, func(b *testing.B) { timeRuns(b, engine, &p) })
		}
	}
}

func timeRuns(b *testing.B, engine pvm.Engine, p *programs.Program) {
	r, err := p.Run("timing")
	if err != nil {
		b.Fatal(err)
	}
	img, err := pvm.DecodeImage(p.Blob)
	if err != nil {
		b.Fatal(err)
	}
	code, err := engine.Compile(img.Program)
	if err != nil {
		b.Fatal(err)
	}
	m := &pvm.Machine{Mem: engine.NewMemory()}
	defer m.Mem.Release()
	var gas int64
	for b.Loop() {
		if err := img.Start(m, r.Arguments); err != nil {
			b.Fatal(err)
		}
		m.PC, m.Gas = 0, r.Gas
		for code.Run(m) == (pvm.Exit{Reason: pvm.HostCall}) {
			m.Regs[7]++
		}
		gas += r.Gas - m.Gas
	}
	b.ReportMetric(float64(gas)/1e6/b.Elapsed().Seconds(), "Minst/s")
}
