package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"damson/bench/programs"
	"damson/internal/asm"
)

// damson runs the program with these arguments.
func damson(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, log strings.Builder
	cmd := root()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), log.String(), err
}

// standard writes a standard program to a file.
func standard(t *testing.T, text string) string {
	t.Helper()
	object, err := asm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, object.Image())
}

func write(t *testing.T, blob []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.pvm")
	if err := os.WriteFile(path, blob, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pvmRun runs `pvm run --json` and gives the object, which must have exactly the promised fields.
func pvmRun(t *testing.T, args ...string) (o outcome, err error) {
	t.Helper()
	stdout, _, err := damson(t, append([]string{"pvm", "run", "--json"}, args...)...)
	if err != nil && !errors.Is(err, errReported) {
		return o, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(stdout), &fields); err != nil {
		t.Fatalf("%q: %v", stdout, err)
	}
	want := []string{
		"engine", "exit", "exit_arg", "gas_used", "ns_compile", "ns_exec", "output", "pc", "registers",
	}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	if err := json.Unmarshal([]byte(stdout), &o); err != nil {
		t.Fatal(err)
	}
	return o, err
}

// TestPVMRun: the programs of bench/programs do what they must, on every engine.
func TestPVMRun(t *testing.T) {
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		r, err := p.Run("small")
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, p.Blob)
		for _, engine := range []string{"auto", "interp", "verify"} {
			t.Run(p.Name+"/"+engine, func(t *testing.T) {
				o, err := pvmRun(t, path, "--engine", engine, "--arg", "0x"+hex.EncodeToString(r.Arguments), "--host-call", "ping")
				if err != nil {
					t.Fatal(err)
				}
				if o.Exit != "halt" || o.GasUsed != r.Gas || o.Output != "0x"+hex.EncodeToString(r.Output) ||
					!slices.Equal(o.Registers[:], r.Texts) {
					t.Errorf("%+v, want %+v", o, r)
				}
				if o.NsCompile <= 0 || o.NsExec <= 0 {
					t.Errorf("compiled in %d ns, ran in %d", o.NsCompile, o.NsExec)
				}
			})
		}
	}
}

// TestPVMExits: whatever does not halt is told, with exit status 1.
func TestPVMExits(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		args       []string
		exit       string
		arg        uint64
		gas        int64
		pc         uint64
	}{
		{"panic", "add_imm_64 r7, r7, 1\ntrap\n", nil, "panic", 0, 2, 3},
		{"out of gas", "again: jump again\n", []string{"--gas", "1000"}, "oog", 0, 1000, 0},
		{"fault", "load_u8 r7, 0x123456\n", nil, "fault", 0x123000, 1, 0},
		{"host call", "ecalli 9\ntrap\n", nil, "host", 9, 1, 2},
		{"host call without ping", "ecalli 0\ntrap\n", nil, "host", 0, 1, 1},
		{"another host call than ping", "ecalli 9\ntrap\n", []string{"--host-call", "ping"}, "host", 9, 1, 2},
	} {
		path := standard(t, tc.text)
		for _, engine := range []string{"auto", "interp", "verify"} {
			t.Run(tc.name+"/"+engine, func(t *testing.T) {
				o, err := pvmRun(t, append([]string{path, "--engine", engine}, tc.args...)...)
				if !errors.Is(err, errReported) {
					t.Errorf("error %v: the exit status would not be 1", err)
				}
				if o.Exit != tc.exit || o.ExitArg != tc.arg || o.GasUsed != tc.gas || o.PC != tc.pc || o.Output != "0x" {
					t.Errorf("%+v, want %+v", o, tc)
				}
			})
		}
	}
}

func TestPVMErrors(t *testing.T) {
	good := standard(t, "jump_ind r0, 0\n")
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"no file", []string{"pvm", "run", "absent.pvm"}, "absent.pvm"},
		{"two files", []string{"pvm", "run", good, good}, "accepts 1 arg"},
		{"no program", []string{"pvm", "run", write(t, []byte{1, 2, 3})}, "malformed"},
		{"engine", []string{"pvm", "run", good, "--engine", "none"}, "none"},
		{"argument", []string{"pvm", "run", good, "--arg", "0xabc"}, "--arg"},
		{"gas", []string{"pvm", "run", good, "--gas", "-1"}, "--gas -1"},
		{"host call", []string{"pvm", "run", good, "--host-call", "pong"}, "ping"},
		{"no runs", []string{"pvm", "bench", good, "--runs", "0"}, "--runs 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, _, err := damson(t, tc.args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one about %q", err, tc.want)
			}
			if stdout != "" {
				t.Errorf("printed %q", stdout)
			}
		})
	}
}

func TestPVMText(t *testing.T) {
	stdout, _, err := damson(t, "pvm", "run", standard(t, "load_imm r8, 0\njump_ind r0, 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"exit       halt\n", "gas used   2\n", "r0         4294901760\n", "r12 "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
}

func TestPVMBench(t *testing.T) {
	path := standard(t, "load_imm r5, 1000\nfallthrough\nloop: add_imm_64 r5, r5, -1\nbranch_ne_imm r5, 0, loop\njump_ind r0, 0\n")
	stdout, _, err := damson(t, "pvm", "bench", "--json", "--runs", "3", path, path)
	if err != nil {
		t.Fatal(err)
	}
	var rows []timing
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 {
		t.Fatalf("%d rows of two files on two engines", len(rows))
	}
	for _, r := range rows {
		if r.File != path || r.Exit != "halt" || r.GasUsed != 2003 || r.NsExec <= 0 || r.NsCompile <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestPVMHelp(t *testing.T) {
	names := []string{""}
	for _, cmd := range pvmCommand().Commands() {
		names = append(names, cmd.Name())
	}
	if len(names) != 10 {
		t.Errorf("commands %v", names)
	}
	for _, name := range names {
		stdout, _, err := damson(t, append(strings.Fields("pvm "+name), "--help")...)
		if err != nil || !strings.Contains(stdout, "Usage:") || !strings.Contains(stdout, "Examples:") || len(stdout) < 600 {
			t.Errorf("%s: %v\n%s", name, err, stdout)
		}
	}
}
