package main

import (
	"fmt"

	"damson/bench/programs"
	"damson/bench/pvm/cputime"
	"damson/bench/pvm/measure"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/jit"
)

// probe takes samples of something small.
type probe struct {
	once    func() error
	between func() error // not timed
	each    float64      // of what is counted in one call of once
	again   int          // calls for a sample, after one that warms up
	samples []float64    // milliseconds
}

// probes are all of them. Samples are short and many and taken all over the run, for what disturbs a machine comes and
// goes.
type probes struct {
	hostCall, instance, invoke, compile, decode probe

	octets int // of the guest code that is compiled
	code   pvm.Code
}

func newProbes(e pvm.Engine, all []programs.Program) (*probes, error) {
	p := new(probes)
	for i := range all {
		var err error
		switch all[i].Name {
		case onlyCalls:
			err = p.callHost(e, &all[i])
		case "bigcode":
			err = p.compileAnew(all[i].Blob)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.code == nil || p.hostCall.once == nil {
		return nil, fmt.Errorf("no program bigcode or %s", onlyCalls)
	}
	service, err := measure.NewService(e)
	if err != nil {
		return nil, err
	}
	p.instance = probe{once: service.Instantiate, each: 1, again: 200}
	const invokes = 2000
	inner, err := measure.NewInner(e, invokes)
	p.invoke = probe{once: inner.Refine, each: invokes, again: 3}
	return p, err
}

// callHost readies the host call.
func (p *probes) callHost(e pvm.Engine, program *programs.Program) error {
	guest, err := measure.NewGuest(e, program, "timing")
	if err != nil {
		return err
	}
	once := func() error {
		_, err := guest.Time()
		return err
	}
	p.hostCall = probe{once: once, each: float64(guest.Run.HostCalls), again: 3}
	return nil
}

// compileAnew readies the compiling of a blob, on an engine that keeps next to nothing.
func (p *probes) compileAnew(blob []byte) error {
	e, _, err := engine.New(engine.JIT, jit.Options{CacheBytes: 1})
	if err != nil {
		return err
	}
	c, err := measure.NewCompiler(e, blob)
	if err != nil {
		return err
	}
	take := func(f func() (pvm.Code, error)) probe {
		return probe{once: func() (err error) { p.code, err = f(); return err }, between: c.Forget, each: 1, again: 3}
	}
	p.octets = c.Octets()
	p.compile, p.decode = take(c.Compile), take(c.DecodeAndCompile)
	return p.compile.once()
}

// sample takes a sample of each. It must be on a thread that no other goroutine uses.
func (p *probes) sample() error {
	for _, of := range []*probe{&p.hostCall, &p.instance, &p.invoke, &p.compile, &p.decode} {
		if err := of.sample(); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) sample() error {
	var took float64
	for n := range p.again + 1 {
		start := cputime.Thread()
		if err := p.once(); err != nil {
			return err
		}
		if n > 0 {
			took += milliseconds(cputime.Thread() - start)
		}
		if p.between != nil {
			if err := p.between(); err != nil {
				return err
			}
		}
	}
	p.samples = append(p.samples, took/float64(p.again))
	return nil
}

// median is the milliseconds for one.
func (p *probe) median() float64 { return median(p.samples) / p.each }

func (p *probes) medians() Small {
	return Small{
		HostCallNs:    1e6 * p.hostCall.median(),
		InstantiateUs: 1e3 * p.instance.median(),
		InvokeNs:      1e6 * p.invoke.median(),
		CompileMBs:    float64(p.octets) / 1e3 / p.compile.median(),
		DecodedMBs:    float64(p.octets) / 1e3 / p.decode.median(),
		Expansion:     float64(measure.MachineCode(p.code)) / float64(p.octets),
	}
}
