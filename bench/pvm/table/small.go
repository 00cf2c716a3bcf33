package main

import (
	"fmt"
	"runtime"

	"damson/bench/programs"
	"damson/bench/pvm/cputime"
	"damson/bench/pvm/measure"
	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/jit"
)

// measure fills in all but the host call.
func (s *Small) measure(e pvm.Engine, rounds int) error {
	service, err := measure.NewService(e)
	if err != nil {
		return err
	}
	const instances, invokes = 2000, 20_000
	took, err := medianOf(rounds, func() error {
		for range instances {
			if err := service.Instantiate(); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	s.InstantiateUs = 1e3 * took / instances
	inner, err := measure.NewInner(e, invokes)
	if err != nil {
		return err
	}
	if took, err = medianOf(rounds, inner.Refine, nil); err != nil {
		return err
	}
	s.InvokeNs = 1e6 * took / invokes
	return s.compile(rounds)
}

// compile times bigcode, on an engine that keeps next to nothing.
func (s *Small) compile(rounds int) error {
	e, _, err := engine.New(engine.JIT, jit.Options{CacheBytes: 1})
	if err != nil {
		return err
	}
	all, err := programs.All()
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name != "bigcode" {
			continue
		}
		c, err := measure.NewCompiler(e, p.Blob)
		if err != nil {
			return err
		}
		var code pvm.Code
		once := func(f func() (pvm.Code, error)) (float64, error) {
			took, err := medianOf(3*rounds, func() (err error) { code, err = f(); return err }, c.Forget)
			return float64(c.Octets()) / 1e3 / took, err
		}
		if s.CompileMBs, err = once(c.Compile); err != nil {
			return err
		}
		if s.DecodedMBs, err = once(c.DecodeAndCompile); err != nil {
			return err
		}
		s.Expansion = float64(measure.MachineCode(code)) / float64(c.Octets())
		return nil
	}
	return fmt.Errorf("no program bigcode")
}

// medianOf is how many milliseconds of CPU time f takes; between is not timed.
func medianOf(rounds int, f, between func() error) (float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var times []float64
	for range rounds + 1 { // the first one warms up
		start := cputime.Thread()
		if err := f(); err != nil {
			return 0, err
		}
		times = append(times, milliseconds(cputime.Thread()-start))
		if between != nil {
			if err := between(); err != nil {
				return 0, err
			}
		}
	}
	return median(times[1:]), nil
}
