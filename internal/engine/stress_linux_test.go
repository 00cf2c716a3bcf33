package engine

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"damson/bench/programs"
	"damson/internal/pvm"
	"damson/jit"
)

// stressTime is how long TestStress lasts: DAMSON_STRESS=10m, say, or a few seconds.
func stressTime(t *testing.T) time.Duration {
	t.Helper()
	if s := os.Getenv("DAMSON_STRESS"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if testing.Short() {
		return time.Second
	}
	return 3 * time.Second
}

// TestStress runs guest code, much of it faulting and calling its host, amid all that a Go process can do to a thread:
// collections without pause, signals from the profiler, the tracer and by the thousand, growing stacks, and faults of
// Go's own. Every run must end as it does in peace.
func TestStress(t *testing.T) {
	e, why, err := New(JIT, jit.Options{})
	if err != nil || why != nil {
		t.Skip(err, why)
	}
	ctx, stop := context.WithTimeout(t.Context(), stressTime(t))
	defer stop()
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	var profile, log bytes.Buffer
	runtime.SetCPUProfileRate(1000)
	if err := pprof.StartCPUProfile(&profile); err == nil {
		defer pprof.StopCPUProfile()
	}
	if err := trace.Start(&log); err == nil {
		defer trace.Stop()
	}

	var runs, faults, calls, panics atomic.Int64
	var wg sync.WaitGroup
	spin := func(f func()) {
		wg.Go(func() {
			for ctx.Err() == nil {
				f()
			}
		})
	}
	for _, p := range stressPrograms(t) {
		spin(p.runner(t, e, &runs, &calls))
	}
	for range 4 {
		spin(faulter(t, e, &faults))
	}
	spin(func() { panics.Add(nilDereference()) })
	spin(func() { garbage.Store(new([1 << 14]byte)); time.Sleep(10 * time.Microsecond) })
	spin(signalAllThreads)
	wg.Wait()
	t.Logf("%d runs, %d faults, %d host calls, %d nil dereferences", runs.Load(), faults.Load(), calls.Load(), panics.Load())
	if runs.Load() == 0 || faults.Load() == 0 || calls.Load() == 0 || panics.Load() == 0 {
		t.Error("something did not run at all")
	}
}

var garbage atomic.Pointer[[1 << 14]byte]

type stressProgram struct {
	img *pvm.Image
	run *programs.Run
}

// stressPrograms are the benchmark's programs with their small inputs.
func stressPrograms(t *testing.T) (list []stressProgram) {
	t.Helper()
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		img, err := pvm.DecodeImage(p.Blob)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Runs {
			if r := &p.Runs[i]; r.Role == "small" {
				list = append(list, stressProgram{img, r})
			}
		}
	}
	return list
}

// runner returns a function that runs the program once, with host calls that use much stack.
func (p stressProgram) runner(t *testing.T, e pvm.Engine, runs, calls *atomic.Int64) func() {
	t.Helper()
	c, err := e.Compile(p.img.Program)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		m := &pvm.Machine{Mem: e.NewMemory(), Gas: p.run.Gas}
		defer m.Mem.Release()
		if err := p.img.Start(m, p.run.Arguments); err != nil {
			t.Error(err)
			return
		}
		exit := c.Run(m)
		for n := 0; exit.Reason == pvm.HostCall; n++ {
			calls.Add(1)
			if n%64 == 0 {
				m.Regs[7] += uint64(grow(n / 64 % 200))
			}
			m.Regs[7]++
			exit = c.Run(m)
		}
		runs.Add(1)
		if exit.Reason != pvm.Halt || m.Gas != 0 || p.run.Registers != m.Regs {
			t.Errorf("ended with %v %#x at %d, gas %d", exit.Reason, exit.Arg, m.PC, m.Gas)
		}
	}
}

// grow uses a lot of stack and returns 0.
func grow(depth int) int {
	var frame [256]byte
	if depth > 0 {
		frame[depth] = byte(grow(depth - 1))
	}
	return int(frame[depth])
}

// faulter returns a function that makes a program fault, and checks that it does so exactly.
func faulter(t *testing.T, e pvm.Engine, faults *atomic.Int64) func() {
	t.Helper()
	// load_imm r7 5; add_imm_64 r7 r7 1; load_ind_u64 r8 [r2+8]; jump 0 (that is, again)
	code := []byte{51, 7, 5, 149, 0x77, 1, 130, 0x28, 8, 40, 0xf7}
	mask := []byte{0b0100_1001, 0b0000_0010}
	blob := append([]byte{0, 1, byte(len(code))}, append(code, mask...)...)
	program, err := pvm.Decode(blob)
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Compile(program)
	if err != nil {
		t.Fatal(err)
	}
	address := uint64(0x12345_000)
	return func() {
		m := &pvm.Machine{Mem: e.NewMemory(), Gas: 1000}
		defer m.Mem.Release()
		m.Mem.Reset()
		for i := range uint64(32) {
			m.PC, m.Gas = 0, 1000
			m.Regs = [pvm.Registers]uint64{2: address + i*8192 - 8}
			exit := c.Run(m)
			faults.Add(1)
			if exit != (pvm.Exit{Reason: pvm.PageFault, Arg: address + i*8192}) || m.PC != 6 || m.Gas != 997 || m.Regs[7] != 6 {
				t.Errorf("fault %d: %v %#x at %d, gas %d, r7 %d", i, exit.Reason, exit.Arg, m.PC, m.Gas, m.Regs[7])
			}
		}
	}
}

var nothing *int

// nilDereference makes Go fault and recover, and returns 1.
func nilDereference() (n int64) {
	defer func() {
		if recover() != nil {
			n = 1
		}
	}()
	return int64(*nothing)
}

// signalAllThreads sends SIGURG to every thread of the process.
func signalAllThreads() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for range 20 {
		for _, thread := range threads {
			if id, err := strconv.Atoi(thread.Name()); err == nil {
				_ = unix.Tgkill(os.Getpid(), id, unix.SIGURG)
			}
		}
	}
	time.Sleep(50 * time.Microsecond)
}

// TestStopTheWorld measures how long the world takes to stop while a goroutine is in guest code, and while one is in
// plain Go.
func TestStopTheWorld(t *testing.T) {
	e, why, err := New(JIT, jit.Options{})
	if err != nil || why != nil {
		t.Skip(err, why)
	}
	// add_imm_64 r7 r7 1; jump 0
	program, err := pvm.Decode([]byte{0, 1, 5, 149, 0x77, 1, 40, 0xfd, 0b01001})
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.Compile(program)
	if err != nil {
		t.Fatal(err)
	}
	guest := stopTimes(t, func(done *atomic.Bool) {
		m := &pvm.Machine{Mem: e.NewMemory()}
		for !done.Load() {
			m.PC, m.Gas = 0, 100_000_000
			if exit := c.Run(m); exit.Reason != pvm.OutOfGas {
				t.Errorf("ended with %v", exit.Reason)
				return
			}
		}
	})
	plain := stopTimes(t, func(done *atomic.Bool) {
		for x := uint64(1); !done.Load(); {
			for range 100_000_000 {
				x = x*5 + 1
			}
			garbageNumber.Store(x)
		}
	})
	t.Logf("p50 %v in guest code, %v in Go; p99 %v and %v", guest[len(guest)/2], plain[len(plain)/2],
		guest[len(guest)*99/100], plain[len(plain)*99/100])
	if p50 := guest[len(guest)/2]; p50 > 10*time.Millisecond { // a crude bound: the machine may be busy
		t.Errorf("the world takes %v to stop", p50)
	}
}

var garbageNumber atomic.Uint64

// stopTimes runs f on a goroutine and stops the world many times beside it; it returns the times in order.
func stopTimes(t *testing.T, f func(done *atomic.Bool)) []time.Duration {
	t.Helper()
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() { f(&done) })
	time.Sleep(10 * time.Millisecond)
	times := make([]time.Duration, 200)
	var stats runtime.MemStats
	for i := range times {
		start := time.Now()
		runtime.ReadMemStats(&stats) // stops the world
		times[i] = time.Since(start)
		time.Sleep(200 * time.Microsecond)
	}
	done.Store(true)
	wg.Wait()
	slices.Sort(times)
	return times
}
