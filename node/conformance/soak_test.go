package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"damson/internal/vectors"
	"damson/node/trace"
)

// TestSoak has a target in a process of its own import blocks for long, over many sessions: its memory stays flat, and a
// signal ends it cleanly.
func TestSoak(t *testing.T) {
	blocks, settled := 2_000, 1_000
	if vectors.Thorough() {
		blocks, settled = 50_000, 5_000
	}
	family := "traces/storage_light"
	genesis, list := steps(t, family, 100)
	child, socket := startChild(t)
	imported, before := 0, 0
	for imported < blocks {
		imported += soakSession(t, socket, genesis, list)
		if before == 0 && imported >= settled {
			before = residentKiB(t, child.Process.Pid)
		}
	}
	after := residentKiB(t, child.Process.Pid)
	vectors.Figure(t, "soak", "%d blocks: resident memory %d MiB after %d blocks, %d MiB at the end", imported, before>>10, settled, after>>10)
	// In a short run the heap may still be growing to where it settles.
	if limit := before * 11 / 10; vectors.Thorough() && after > limit || after > before*3/2 {
		t.Errorf("resident memory grew from %d KiB to %d KiB", before, after)
	}
	if err := child.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// soakSession imports a chain in a session of its own, and then once more after another Initialize.
func soakSession(t *testing.T, socket string, genesis *trace.Genesis, list []*trace.Step) (imported int) {
	t.Helper()
	c := greet(t, socket, FeatureAncestry|FeatureForks)
	defer c.close()
	for range 2 {
		begin := &Message{Kind: KindInitialize, Initialize: &Initialize{Header: genesis.Header, Entries: genesis.State.Entries}}
		if _, _, err := c.ask(begin, KindStateRoot); err != nil {
			t.Fatal(err)
		}
		for _, step := range list {
			answer, _, err := c.ask(&Message{Kind: KindImportBlock, Block: step.Block}, KindStateRoot)
			if err != nil || answer.Hash != step.Post.Root {
				t.Fatalf("%+v, %v", answer, err)
			}
			imported++
		}
	}
	return imported
}

// startChild starts this program again as a target.
func startChild(t *testing.T) (child *exec.Cmd, socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "child.sock")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child = exec.Command(self)
	child.Env = append(os.Environ(), childEnv+"="+socket)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if child.ProcessState == nil {
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	})
	for range 1000 {
		if _, err := os.Lstat(socket); err == nil {
			return child, socket
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the child does not listen")
	return nil, ""
}

var residentLine = regexp.MustCompile(`(?m)^VmRSS:\s+([0-9]+) kB$`)

// residentKiB reads how much memory of a process is in use, or skips the test where Linux does not say so.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if os.IsNotExist(err) {
		t.Skip("memory is read from /proc")
	}
	if err != nil {
		t.Fatal(err)
	}
	found := residentLine.FindSubmatch(status)
	if found == nil {
		t.Skip("memory is read from /proc")
	}
	kib, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib
}
