package importer

import (
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/block"
	"damson/internal/devchain"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/importer"
	"damson/state"
	"damson/state/invoke"
)

const (
	spinnerID = protocol.ServiceID(7)
	muchGas   = 3_500_000_000 // GT: of a block
	itemGas   = 5_000_000_000 // GR: of a work item
)

// spinnerText is a service that hashes words of its memory into one another until its gas ends.
const spinnerText = `
.rw
words:
	.zero 4096

.code
	jump spin
	jump spin

spin:
	load_imm r2, 0
	fallthrough
again:
	load_ind_u64 r3, r2, words
	mul_imm_64 r3, r3, 0x1e3779b1
	xor r4, r4, r3
	rot_r_64_imm r4, r4, 23
	add_64 r3, r3, r4
	store_ind_u64 r3, r2, words
	add_imm_64 r2, r2, 8
	and_imm r2, r2, 4088
	jump again
`

func spinner(b *testing.B) *services.Code {
	b.Helper()
	object, err := asm.Assemble(spinnerText)
	if err != nil {
		b.Fatal(err)
	}
	blob := asm.Service("spinner", object.Image())
	return &services.Code{Name: "spinner", Blob: blob, Hash: blake2b.Sum256(blob)}
}

// BenchmarkMuchGas times what one block may burn in accumulation, and one item in refinement.
func BenchmarkMuchGas(b *testing.B) {
	p := protocol.Full()
	builder := devchain.New(devchain.Options{Params: p, Engine: newEngine(b, engine.JIT)})
	code := spinner(b)
	a, err := devchain.NewAuthor(builder, &devchain.Genesis{
		Params: p, Validators: builder.Validators(), Seed: "much gas", Configurations: []string{"all"},
		Services: []devchain.Account{{ID: spinnerID, Code: code, Balance: 1 << 60}},
		Privileges: state.Privileges{
			Assigners:        make([]protocol.ServiceID, p.Cores),
			AlwaysAccumulate: []state.FreeGas{{Service: spinnerID, Gas: muchGas}},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	a.Good(func(*devchain.Draft) {})
	if a.Err != nil {
		b.Fatal(a.Err)
	}
	b.Run("work=accumulate", func(b *testing.B) { spinBlock(b, a.Chain) })
	b.Run("work=refine", func(b *testing.B) { spinItem(b, a.Chain, code) })
}

func spinBlock(b *testing.B, c *devchain.Chain) {
	im, err := importer.New(importer.Options{Params: c.Params, Engine: newEngine(b, engine.JIT)})
	if err != nil {
		b.Fatal(err)
	}
	s := &c.Steps[0]
	activity, err := s.Post.Activity()
	if err != nil || len(activity.Services) != 1 || activity.Services[0].AccumulationGas != muchGas {
		b.Fatalf("%+v, %v: want %d gas used", activity, err, uint64(muchGas))
	}
	for b.Loop() {
		var v block.View
		if err := v.Decode(s.Block, c.Params); err != nil {
			b.Fatal(err)
		}
		post, err := im.Apply(s.Prior, &v)
		if err != nil || post.Root() != s.Post.Root() {
			b.Fatal("another state", err)
		}
	}
	perOp(b, muchGas)
}

func spinItem(b *testing.B, c *devchain.Chain, code *services.Code) {
	invoker := invoke.New(invoke.Options{Engine: newEngine(b, engine.JIT), Params: c.Params})
	in := &invoke.RefineInput{
		Package: &block.WorkPackage{Items: []block.WorkItem{{Service: spinnerID, CodeHash: code.Hash, RefineGas: itemGas}}},
		Imports: make([][][]byte, 1), Extrinsics: make([][][]byte, 1), State: c.Genesis,
	}
	for b.Loop() {
		out, err := invoker.Refine(in)
		if err != nil || out.GasUsed != itemGas {
			b.Fatalf("%+v, %v", out, err)
		}
	}
	perOp(b, itemGas)
}

func perOp(b *testing.B, gas int64) {
	took := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(took.Microseconds())/1000, "ms/op")
	b.ReportMetric(float64(gas)/1e6/took.Seconds(), "Mgas/s")
}
