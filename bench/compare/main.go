//go:build linux

// Command compare times the C of bench/programs as WebAssembly on wazero's compiler. It is a module of its own, so that
// the product depends on no other virtual machine.
//
//	compare -src DIR < requests
//
// DIR holds the C. Every line of the input names a program and its n, and is answered with a line of JSON. The programs
// are compiled by clang for wasm32, without any library.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"
)

// answer is what came of a request.
type answer struct {
	Milliseconds float64 `json:"exec_ms"` // CPU time of the call alone
	CompileMs    float64 `json:"compile_ms"`
	Output       string  `json:"output"`
	Error        string  `json:"error,omitempty"`
}

func main() {
	src := flag.String("src", "", "the `folder` that holds the C")
	flag.Parse()
	if err := serve(*src); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func serve(src string) error {
	ctx := context.Background()
	machine := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
	defer machine.Close(ctx)
	ping := func(_ context.Context, x uint64) uint64 { return x + 1 }
	if _, err := machine.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(ping).Export("host_call").
		Instantiate(ctx); err != nil {
		return err
	}
	programs := map[string]*program{}
	out := json.NewEncoder(os.Stdout)
	requests := bufio.NewScanner(os.Stdin)
	for requests.Scan() {
		var name string
		var n uint64
		if _, err := fmt.Sscan(requests.Text(), &name, &n); err != nil {
			return fmt.Errorf("request %q: %w", requests.Text(), err)
		}
		p := programs[name]
		if p == nil {
			p = load(ctx, machine, src, name)
			programs[name] = p
		}
		if err := out.Encode(p.time(ctx, n)); err != nil {
			return err
		}
	}
	return requests.Err()
}

// program is one that is ready, or why there is none.
type program struct {
	bench     api.Function
	compileMs float64
	err       error
}

// load makes WebAssembly of a program's C, and machine code of that.
func load(ctx context.Context, machine wazero.Runtime, src, name string) *program {
	at := filepath.Join(src, name+".wasm")
	build := exec.Command("clang", "--target=wasm32", "-O2", "-mbulk-memory", "-nostdlib", "-Wl,--no-entry",
		"-Wl,--export=bench", "-Wl,--allow-undefined", "-o", at, filepath.Join(src, name+".c"))
	if out, err := build.CombinedOutput(); err != nil {
		return &program{err: fmt.Errorf("%s: %w: %s", build, err, out)}
	}
	code, err := os.ReadFile(at)
	if err != nil {
		return &program{err: err}
	}
	start := time.Now()
	compiled, err := machine.CompileModule(ctx, code)
	if err != nil {
		return &program{err: err}
	}
	took := time.Since(start)
	module, err := machine.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(name))
	if err != nil {
		return &program{err: err}
	}
	return &program{bench: module.ExportedFunction("bench"), compileMs: took.Seconds() * 1e3}
}

// time calls the program twice, and times the second call: by then its memory is there, as a guest's is.
func (p *program) time(ctx context.Context, n uint64) answer {
	if p.err != nil {
		return answer{Error: p.err.Error()}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var result []uint64
	var took time.Duration
	for range 2 {
		start := threadTime()
		var err error
		if result, err = p.bench.Call(ctx, n); err != nil {
			return answer{Error: err.Error()}
		}
		took = threadTime() - start
	}
	var output [8]byte
	for i := range output {
		output[i] = byte(result[0] >> (8 * i))
	}
	return answer{Milliseconds: took.Seconds() * 1e3, CompileMs: p.compileMs, Output: hex.EncodeToString(output[:])}
}

func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
