package link

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLinked: files that a linker has put together, with relocations kept, are as good as objects.
func TestLinked(t *testing.T) {
	program := native(t, "calc")
	ran := 0
	for _, c := range compilers(t) {
		linker := []string{"ld.lld"}
		if strings.HasPrefix(c.name, "riscv64") {
			linker = []string{"riscv64-unknown-elf-ld"}
		}
		if _, err := exec.LookPath(linker[0]); err != nil {
			continue
		}
		relaxes := "--no-relax"
		if strings.HasSuffix(c.name, " relax") {
			relaxes = "--relax"
		}
		t.Run(c.name, func(t *testing.T) {
			ran++
			folder := t.TempDir()
			at, to := filepath.Join(folder, "calc.o"), filepath.Join(folder, "calc.elf")
			if err := os.WriteFile(at, c.compile(t, filepath.Join(examples, "calc.c")).Data, 0o600); err != nil {
				t.Fatal(err)
			}
			command(t, append(linker, "--emit-relocs", relaxes, "-e", "_start", "-o", to, at)...)
			data, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			result, err := Link([]File{{"calc.elf", data}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"2*(3+4)-1", "7%(2-2)", "-6/4"} {
				want := string(command(t, program, text))
				if got := string(run(t, result.Object, 0, []byte(text), nil)); got != want {
					t.Errorf("%q: %q, want %q", text, got, want)
				}
			}
		})
	}
	if ran == 0 {
		t.Skip("no linker for RISC-V: apt install lld")
	}
}
