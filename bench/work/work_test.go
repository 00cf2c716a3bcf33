// Package work times work in-core by the recompiler: what a core refines, and what a token transfer costs in-core and on chain.
package work

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/internal/services"
	"damson/jit"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
	"damson/state/workreport"
)

// spin is a service whose refinement counts down from the eight octets of its payload: a multiplication, an exclusive or, a shift and an
// addition each time.
const spin = `
.equ FETCH, 1
.equ OWN_PAYLOAD, 13
.rw
payload:
	.zero 64
.code
	jump refine
	jump accumulate
refine:
	load_imm r11, 0
	load_imm r7, payload
	load_imm r8, 0
	load_imm r9, 64
	load_imm r10, OWN_PAYLOAD
	ecalli FETCH
	load_u64 r2, payload
	load_imm r3, 1
	fallthrough
again:
	mul_imm_64 r3, r3, 31
	xor r3, r3, r2
	shlo_l_imm_64 r4, r3, 7
	add_64 r3, r3, r4
	add_imm_64 r2, r2, -1
	branch_ne_imm r2, 0, again
	store_u64 r3, payload
	load_imm r7, payload
	load_imm r8, 8
	jump_ind r0, 0
accumulate:
	load_imm r8, 0
	jump_ind r0, 0
`

type entries map[protocol.StateKey][]byte

func (e entries) Get(key protocol.StateKey) ([]byte, bool) {
	v, ok := e[key]
	return v, ok
}

func newEngine(b *testing.B) pvm.Engine {
	b.Helper()
	run, _, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return run
}

// code is the code of a service.
func code(b *testing.B, name, text string) *services.Code {
	b.Helper()
	object, err := asm.Assemble(text)
	if err != nil {
		b.Fatal(err)
	}
	blob := asm.Service(name, object.Image())
	return &services.Code{Name: name, Blob: blob, Hash: blake2b.Sum256(blob)}
}

const self protocol.ServiceID = 100

// world has a service with a code, which has that of the authorizer for everybody too.
func world(c *services.Code) entries {
	e := make(entries)
	account := state.Account{Balance: 1 << 50, CodeHash: c.Hash}
	e[state.AccountKey(self)] = account.AppendTo(nil)
	for _, x := range []*services.Code{c, services.Anyone()} {
		e[state.PreimageKey(self, x.Hash)] = x.Blob
		e[state.RequestKey(self, x.Hash, uint32(len(x.Blob)))] = state.AppendRequest(nil, []protocol.Slot{1})
	}
	return e
}

// input is a package of one item.
func input(p *protocol.Params, e entries, c *services.Code, payload []byte) *workreport.Input {
	w := &block.WorkPackage{
		AuthCodeHost: self, AuthCodeHash: services.Anyone().Hash,
		Context: block.RefinementContext{LookupAnchorSlot: 1000},
		Items: []block.WorkItem{{
			Service: self, CodeHash: c.Hash, Payload: payload, RefineGas: p.RefineGas - 1, AccumulateGas: p.ReportGas - 1,
		}},
	}
	return &workreport.Input{Bundle: bundle.New(w), State: e}
}

// payments are as many as fit into a package, between a thousand accounts.
func payments(count int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var p services.Payments
	for range count {
		p.Pay(uint32(random.IntN(1000)), uint32(random.IntN(1000)), 1+random.Uint64N(1000))
	}
	return p.Payload()
}

// BenchmarkRefine makes work-reports: Ξ, with authorization, refinement and erasure coding.
func BenchmarkRefine(b *testing.B) {
	p := protocol.Full()
	coder, err := bundle.NewCoder(p)
	if err != nil {
		b.Fatal(err)
	}
	computer := workreport.New(workreport.Options{
		Params: p, Coder: coder, Invoker: invoke.New(invoke.Options{Engine: newEngine(b), Params: p}),
	})
	for _, of := range []struct {
		name    string
		code    *services.Code
		payload []byte
	}{
		{"spin", code(b, "spin", spin), binary.LittleEndian.AppendUint64(nil, 50_000_000)},
		{fmt.Sprintf("payments=%d", services.MaxPayments), services.Token(), payments(services.MaxPayments)},
	} {
		b.Run(of.name, func(b *testing.B) {
			in := input(p, world(of.code), of.code, of.payload)
			var gas protocol.Gas
			for b.Loop() {
				out, err := computer.Compute(in)
				if err != nil {
					b.Fatal(err)
				}
				d := &out.Report.Digests[0]
				if d.Result.Outcome != block.OutcomeOK {
					b.Fatalf("outcome %d", d.Result.Outcome)
				}
				gas += d.RefineGasUsed
			}
			b.ReportMetric(float64(gas)/1e6/b.Elapsed().Seconds(), "Mgas/s")
			b.ReportMetric(float64(gas)/float64(b.N), "gas/op")
		})
	}
}

// BenchmarkPayments accumulates a report of payments: Ψ_A of the token.
func BenchmarkPayments(b *testing.B) {
	p := protocol.Full()
	run := invoke.New(invoke.Options{Engine: newEngine(b), Params: p})
	e := world(services.Token())
	accounts := service.New(e)
	var mint services.Payments
	for i := range uint32(1000) {
		mint.Pay(services.Mint, i, 1<<40)
	}
	accumulate := func(payload []byte) protocol.Gas {
		out, err := run.Accumulate(&invoke.AccumulateInput{
			Slot: 1000, Service: self, Gas: p.ReportGas,
			Operands: []invoke.Operand{{Gas: p.ReportGas, Result: block.Result{Output: payload}}},
			State: invoke.PartialState{
				Accounts: accounts, Privileges: &state.Privileges{Assigners: make([]protocol.ServiceID, p.Cores)},
				Queues: make(state.AuthQueues, p.Cores),
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		return out.GasUsed
	}
	accumulate(mint.Payload())
	payload := payments(services.MaxPayments)
	var gas protocol.Gas
	for b.Loop() {
		gas += accumulate(payload)
	}
	count := float64(b.N) * services.MaxPayments
	b.ReportMetric(float64(gas)/count, "gas/payment")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/count, "ns/payment")
	b.ReportMetric(count/b.Elapsed().Seconds(), "payments/s")
	books, _ := services.DecodeBooks(accounts.Storage(self, state.StorageKey(self, []byte(services.BooksKey))))
	if books.Paid == 0 {
		b.Fatal("nothing was paid")
	}
}
