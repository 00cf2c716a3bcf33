package link

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compiler makes objects of C.
type compiler struct {
	name string
	args []string
}

var common = strings.Fields("-march=rv64im -mabi=lp64 -O2 -ffreestanding -fno-pic -ffunction-sections -fdata-sections -Wall -Werror")

// compilers are those that are installed, with flags that make them write different code.
func compilers(t *testing.T) (all []compiler) {
	t.Helper()
	args := common
	for n := 16; n < 32; n++ {
		args = append(args, fmt.Sprintf("-ffixed-x%d", n))
	}
	for _, family := range []struct{ command, target string }{
		{"clang", "--target=riscv64"}, {"riscv64-unknown-elf-gcc", ""},
	} {
		if !runs(t, family.command, family.target) {
			continue
		}
		for name, more := range map[string]string{
			"plain": "-mno-relax", "relax": "-mrelax", "compressed": "-march=rv64imc -Os", "any": "-mcmodel=medany",
			"pic": "-fPIC", "unoptimized": "-O0",
		} {
			c := compiler{family.command + " " + name, append([]string{family.command}, args...)}
			if family.target != "" {
				c.args = append(c.args, family.target)
			}
			c.args = append(c.args, strings.Fields(more)...)
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		t.Skip("no C compiler for RISC-V: apt install clang lld, or gcc-riscv64-unknown-elf")
	}
	return all
}

// runs reports whether a compiler is there and knows RISC-V.
func runs(t *testing.T, command, target string) bool {
	t.Helper()
	args := []string{"-march=rv64im", "-mabi=lp64", "-x", "c", "-c", "-o", filepath.Join(t.TempDir(), "probe.o"), os.DevNull}
	if target != "" {
		args = append(args, target)
	}
	return exec.CommandContext(t.Context(), command, args...).Run() == nil
}

// compile makes an object of a file.
func (c *compiler) compile(t *testing.T, path string, more ...string) File {
	t.Helper()
	object := filepath.Join(t.TempDir(), filepath.Base(path)+".o")
	command(t, append(append(c.args[:len(c.args):len(c.args)], "-I", ".", "-c", "-o", object, path), more...)...)
	data, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	return File{filepath.Base(object), data}
}

// command runs a command and gives what it prints.
func command(t *testing.T, args ...string) []byte {
	t.Helper()
	var errors strings.Builder
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errors.String())
	}
	return out
}

// write makes a file.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
