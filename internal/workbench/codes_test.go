package workbench

import (
	"bytes"
	"path/filepath"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/internal/vectors"
	"damson/interp"
	"damson/jit"
	"damson/node/trace"
)

// codes are the codes of services in the states of the official traces: what has metadata before a standard program.
func codes(t *testing.T) map[[32]byte][]byte {
	t.Helper()
	found := map[[32]byte][]byte{}
	seen := map[[31]byte]int{} // lengths, by key
	look := func(s *trace.RawState) {
		for _, entry := range s.Entries {
			if n, ok := seen[entry.Key]; ok && n == len(entry.Value) {
				continue
			}
			seen[entry.Key] = len(entry.Value)
			if o, err := asm.OpenAs(entry.Value, asm.ServiceCode); err == nil && len(o.Blob) > 3 {
				found[blake2b.Sum256(entry.Value)] = entry.Value
			}
		}
	}
	for _, suite := range []string{"traces", "fuzz-traces"} {
		for f := range vectors.Files(t, suite, ".bin") {
			if filepath.Base(f.Name) == "genesis.bin" {
				continue // the first step begins with it
			}
			step, err := trace.DecodeStep(f.Data, protocol.Tiny())
			if err != nil {
				continue // blocks that do not decode are for others to judge
			}
			look(&step.Pre)
			look(&step.Post)
		}
	}
	return found
}

// TestServiceCodes: the listing of every code of a service in the traces assembles to the same octets, and both engines
// do the same from both of its entry points, with a host that says yes to everything.
func TestServiceCodes(t *testing.T) {
	found := codes(t)
	if len(found) < 3 {
		t.Errorf("only %d codes of services found", len(found))
	}
	for _, c := range []*services.Code{services.Store(), services.Counter(), services.Anyone()} {
		found[c.Hash] = c.Blob
	}
	subject, why, err := engine.New(engine.JIT, jit.Options{})
	if err != nil || why != nil {
		t.Log("no recompiler here:", err, why)
		subject = interp.New()
	}
	steps := int64(0)
	for _, octets := range found {
		o, err := asm.OpenAs(octets, asm.ServiceCode)
		if err != nil {
			t.Fatal(err)
		}
		text, err := asm.Disassemble(o, asm.Options{Comments: true})
		if err != nil {
			t.Fatal(err)
		}
		again, err := asm.Assemble(text)
		if err != nil || !bytes.Equal(again.Octets(), octets) {
			t.Fatalf("%q: not the same after listing: %v", o.Metadata, err)
		}
		for _, entry := range []uint64{0, 5} {
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			s.Entry, s.Gas, s.Host = entry, 200_000, agreeable
			s.Args = bytes.Repeat([]byte{1, 2, 3, 4, 0}, 20)
			d, same, err := s.Diff(subject, interp.New())
			if err != nil || d != nil {
				t.Fatalf("%q from %d: %v %v", o.Metadata, entry, err, d)
			}
			steps += same.Steps
		}
	}
	vectors.Figure(t, "codes of services", "%d, each assembled from its listing and run by both engines, %d instructions", len(found), steps)
}

// agreeable answers every host call alike.
func agreeable(m *machine, number uint64) bool {
	m.Regs[7] = number % 5
	return true
}
