package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPVMLink: the first example of docs/services, from C by the commands that its comment names to a profile by function.
func TestPVMLink(t *testing.T) {
	source, err := filepath.Abs("../../docs/services/calc.c")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	header, _, err := damson(t, "pvm", "link", "--header")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("pvm.h", []byte(header), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := strings.Fields("-march=rv64im -mabi=lp64 -mno-relax -O2 -ffreestanding -fno-pic -I . -c -o calc.o " + source)
	if !compiles(t, append([]string{"clang", "--target=riscv64"}, flags...)) &&
		!compiles(t, append([]string{"riscv64-unknown-elf-gcc"}, flags...)) {
		t.Skip("no C compiler for RISC-V: apt install clang lld, or gcc-riscv64-unknown-elf")
	}
	if _, stderr, err := damson(t, "pvm", "link", "calc.o", "-o", "calc.pvm"); err != nil {
		t.Fatal(err, stderr)
	}
	argument := "0x" + hex.EncodeToString([]byte("2*(3+4)"))
	for _, engine := range []string{"auto", "verify"} {
		o, err := pvmRun(t, "calc.pvm", "--arg", argument, "--engine", engine)
		if err != nil || o.Output != "0x"+hex.EncodeToString([]byte("14")) {
			t.Errorf("%s: %+v %v", engine, o, err)
		}
	}
	if stdout, _, err := damson(t, "pvm", "diff", "calc.pvm", "--arg", argument); err != nil || !strings.HasPrefix(stdout, "no difference") {
		t.Error(stdout, err)
	}
	stdout, _, err := damson(t, "pvm", "profile", "calc.pvm", "--arg", argument, "--json", "--pprof", "calc.pb.gz")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		Blocks []struct{ Function string }
	}
	if err := json.Unmarshal([]byte(stdout), &profile); err != nil {
		t.Fatal(err)
	}
	functions := map[string]bool{}
	for _, b := range profile.Blocks {
		functions[b.Function] = true
	}
	if !functions["sum"] && !functions["product"] && !functions["_calc"] {
		t.Errorf("no functions in %v", functions)
	}
}

// compiles runs a compiler, and reports false where it is not installed or cannot do this.
func compiles(t *testing.T, args []string) bool {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		return false
	}
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Logf("%v: %s", args, out)
	}
	return err == nil
}
