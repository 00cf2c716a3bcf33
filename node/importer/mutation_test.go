package importer_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
	"damson/node/importer"
	"damson/node/trace"
)

// flipsEach is how many mutants of each block a thorough run tries; a short one tries fewer.
const flipsEach = 20

// TestMutations flips one octet of every block of every trace, many times. Every mutant must be refused by a rule, or
// be a good block; and the block itself must then still lead to the state expected, whatever the mutants did.
func TestMutations(t *testing.T) {
	flips := 2
	if vectors.Thorough() {
		flips = flipsEach
	}
	im, err := importer.New(importer.Options{Params: protocol.Tiny(), Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	m := &mutator{importer: im, flips: flips, rng: rand.New(rand.NewPCG(vectors.Seed(t), 1))}
	for _, suite := range []string{"traces", "fuzz-traces"} {
		for f := range vectors.Files(t, suite, ".bin") {
			if !strings.HasSuffix(f.Name, "genesis.bin") {
				m.file(t, f)
			}
		}
	}
	vectors.Figure(t, "mutations", "%d mutants of %d blocks: %d refused, %d imported; seed %d",
		m.refused+m.imported, m.blocks, m.refused, m.imported, vectors.Seed(t))
}

type mutator struct {
	importer                  *importer.Importer
	flips                     int
	rng                       *rand.Rand
	blocks, refused, imported int
}

func (m *mutator) file(t *testing.T, f *vectors.File) {
	step, err := trace.DecodeStep(f.Data, protocol.Tiny())
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	prior, err := step.Pre.State(protocol.Tiny())
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	m.blocks++
	for n := range m.flips {
		mutant := bytes.Clone(step.Block)
		mutant[m.rng.IntN(len(mutant))] ^= 1 << m.rng.IntN(8)
		var v block.View
		err := v.Decode(mutant, protocol.Tiny())
		if err == nil && n%2 == 1 {
			// Let the parts see the change: with a fitting hash only the seal is wrong, which shows last.
			v.Header.ExtrinsicHash = v.ExtrinsicHash()
		}
		if err == nil {
			_, err = m.importer.Apply(prior, &v)
		}
		if err == nil {
			m.imported++
			continue
		}
		if _, ok := errors.AsType[protocol.Invalid](err); !ok {
			t.Errorf("%s: mutant %d: %v is no rule of the protocol", f.Path, n, err)
		}
		m.refused++
	}
	if prior.Root() != step.Pre.Root {
		t.Fatalf("%s: a mutant changed the prior state", f.Path)
	}
	var v block.View
	if err := v.Decode(step.Block, protocol.Tiny()); err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	post, err := m.importer.Apply(prior, &v)
	switch {
	case step.Refused() && err == nil:
		t.Errorf("%s: after its mutants the bad block was accepted", f.Path)
	case !step.Refused() && err != nil:
		t.Errorf("%s: after its mutants the block was refused: %v", f.Path, err)
	case !step.Refused() && post.Root() != step.Post.Root:
		t.Errorf("%s: after its mutants the block led to root %s, want %s", f.Path, post.Root(), step.Post.Root)
	}
}
