package tidy

import (
	octets "bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestRelease: two builds of a release are the same octets. They share nothing: each is of a clone of its own and has a build cache
// of its own. That takes minutes: it is run with DAMSON_THOROUGH alone.
func TestRelease(t *testing.T) {
	if os.Getenv("DAMSON_THOROUGH") == "" {
		t.Skip("builds the binary twice: set DAMSON_THOROUGH")
	}
	var binaries [][]byte
	for _, name := range []string{"one", "another-one"} {
		dir := t.TempDir()
		from := filepath.Join(dir, name)
		env := append(os.Environ(), "GOCACHE="+filepath.Join(dir, "cache"))
		run(t, env, "git", "clone", "-q", "file://"+absolute(t, root), from)
		env = append(env, "VERSION=v0.0.0-test")
		run(t, env, filepath.Join(absolute(t, from), ".ci", "release"), filepath.Join(dir, "dist"), runtime.GOOS+"/"+runtime.GOARCH)
		built, err := os.ReadFile(filepath.Join(dir, "dist", "damson-v0.0.0-test-"+runtime.GOOS+"-"+runtime.GOARCH))
		if err != nil {
			t.Fatal(err)
		}
		binaries = append(binaries, built)
	}
	if !octets.Equal(binaries[0], binaries[1]) {
		t.Error("two builds are not the same")
	}
	if octets.Contains(binaries[0], []byte(absolute(t, root))) {
		t.Error("the binary tells where it was built")
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Env = env
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
