package services_test

import (
	"encoding/binary"
	"testing"

	"damson/internal/asm"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
	"damson/state/trie"
)

// refine refines a payload alone in its package.
func refine(t *testing.T, code *services.Code, payload []byte, imports [][]byte, exports int) *invoke.RefineOutput {
	t.Helper()
	item := block.WorkItem{
		Service: self, CodeHash: code.Hash, RefineGas: 10_000_000, AccumulateGas: gas, Exports: uint16(exports), Payload: payload,
		Imports: make([]block.Import, len(imports)),
	}
	var entries []trie.Change
	for key, value := range world(code).Changes() {
		entries = append(entries, trie.Change{Key: key, Value: value})
	}
	out, err := invoker().Refine(&invoke.RefineInput{
		Package: &block.WorkPackage{Items: []block.WorkItem{item}}, Imports: [][][]byte{imports}, Extrinsics: [][][]byte{nil},
		State: state.New(protocol.Tiny(), entries),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// pass refines a payload, demands that all goes well, and accumulates what comes of it.
func pass(t *testing.T, code *services.Code, on *service.Accounts, payload []byte, imports [][]byte, exports int) *invoke.RefineOutput {
	t.Helper()
	out := refine(t, code, payload, imports, exports)
	if out.Result.Outcome != block.OutcomeOK || len(out.Exports) != exports {
		t.Fatalf("outcome %d, %d exports", out.Result.Outcome, len(out.Exports))
	}
	accumulate(t, on, nil, out.Result.Output)
	return out
}

func balance(a *service.Accounts, account uint32) uint64 {
	b := []byte(stored(a, string(services.AccountKey(account))))
	if len(b) == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func books(t *testing.T, a *service.Accounts) services.Books {
	t.Helper()
	b, ok := services.DecodeBooks([]byte(stored(a, services.BooksKey)))
	if !ok {
		t.Fatal("no books")
	}
	return b
}

func TestToken(t *testing.T) {
	a := world(services.Token())
	var p services.Payments
	p.Pay(services.Mint, 1, 1000)
	p.Pay(1, 2, 300)
	p.Pay(1, 3, 701) // more than is left
	p.Pay(2, 2, 300) // to oneself
	p.Pay(1, 3, 700)
	p.Pay(services.Mint, 4, 1<<64-1000) // more than there can be
	pass(t, services.Token(), a, p.Payload(), nil, 0)
	if balance(a, 1) != 0 || balance(a, 2) != 300 || balance(a, 3) != 700 || balance(a, 4) != 0 {
		t.Errorf("balances %d, %d, %d, %d", balance(a, 1), balance(a, 2), balance(a, 3), balance(a, 4))
	}
	if a.Account(self).Items != 2+1+2 {
		t.Errorf("%d items: who has nothing should not be stored", a.Account(self).Items)
	}
	if got := books(t, a); got != (services.Books{Supply: 1000, Paid: 4, Refused: 2}) {
		t.Errorf("books %+v", got)
	}
	var q services.Payments
	q.Pay(3, 1, 1)
	pass(t, services.Token(), a, q.Payload(), nil, 0)
	if got := books(t, a); got != (services.Books{Supply: 1000, Paid: 5, Refused: 2}) || balance(a, 1) != 1 {
		t.Errorf("books %+v", got)
	}
}

// As many payments as a payload may have are within the limits of a report: W_R octets and G_A gas.
func TestTokenFull(t *testing.T) {
	a := world(services.Token())
	var p services.Payments
	p.Pay(services.Mint, 0, 1<<40)
	for p.Len() < services.MaxPayments {
		p.Pay(0, uint32(p.Len()), 3)
	}
	out := refine(t, services.Token(), p.Payload(), nil, 0)
	if out.Result.Outcome != block.OutcomeOK || len(out.Result.Output) > protocol.Tiny().MaxReportBlobs {
		t.Fatalf("outcome %d, %d octets", out.Result.Outcome, len(out.Result.Output))
	}
	accumulated := accumulate(t, a, nil, out.Result.Output)
	if got := books(t, a); got.Paid != services.MaxPayments {
		t.Errorf("%d paid with %d gas", got.Paid, gas)
	}
	t.Logf("%d payments: %d gas for refinement, %d for accumulation", p.Len(), out.GasUsed, accumulated.GasUsed)
}

func TestTokenMalformed(t *testing.T) {
	var p services.Payments
	p.Pay(1, 2, 3)
	for _, payload := range [][]byte{nil, {1}, p.Payload()[:17], append(p.Payload(), 0)} {
		if out := refine(t, services.Token(), payload, nil, 0); out.Result.Outcome != block.OutcomePanic {
			t.Errorf("%x: outcome %d", payload, out.Result.Outcome)
		}
	}
}

func TestRelay(t *testing.T) {
	a := world(services.Relay())
	first := services.Leg{Tag: 77, Exports: 2}
	out := pass(t, services.Relay(), a, first.Payload(), nil, 2)
	second := services.Leg{Tag: 77, Imports: 2, Exports: 3}
	out = pass(t, services.Relay(), a, second.Payload(), out.Exports, 3)
	for i, generation := range []uint64{2, 2, 1} {
		if s := out.Exports[i]; binary.LittleEndian.Uint64(s) != generation || binary.LittleEndian.Uint64(s[8:]) != uint64(i) {
			t.Errorf("export %d begins with %x", i, s[:16])
		}
	}
	if got, ok := services.DecodeRelayed([]byte(stored(a, string(services.RelayKey(77))))); !ok ||
		got != (services.Relayed{Imports: 2, Exports: 5, Generation: 2}) {
		t.Errorf("kept %+v", got)
	}
	if out := refine(t, services.Relay(), second.Payload(), [][]byte{out.Exports[1], out.Exports[0]}, 3); out.Result.Outcome != block.OutcomePanic {
		t.Errorf("segments that are mixed up: outcome %d", out.Result.Outcome)
	}
}

func TestRunner(t *testing.T) {
	// squares keeps the square of its number in its memory and gives it back.
	o, err := asm.Assemble(`
		.program
		mul_64 r3, r7, r7
		store_u64 r3, 0x20000
		load_u64 r7, 0x20000
		ecalli 5
	`)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		gas                  protocol.Gas
		reason, left, answer uint64
	}{
		"host call":  {100, 3, 96, 49},
		"out of gas": {2, 4, 1<<64 - 1, 7}, // one less than none
	} {
		t.Run(name, func(t *testing.T) {
			a := world(services.Runner())
			run := services.Inner{Gas: c.gas, Number: 7, Program: o.Octets()}
			pass(t, services.Runner(), a, run.Payload(), nil, 0)
			b := []byte(stored(a, services.RunnerKey))
			if len(b) != 24 {
				t.Fatalf("kept %x", b)
			}
			if reason, answer := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[16:]); reason != c.reason || answer != c.answer {
				t.Errorf("reason %d, r7 is %d", reason, answer)
			}
			if left := binary.LittleEndian.Uint64(b[8:]); left != c.left {
				t.Errorf("%d gas left", left)
			}
		})
	}
	bad := services.Inner{Gas: 1, Program: []byte{0xff}}
	if out := refine(t, services.Runner(), bad.Payload(), nil, 0); out.Result.Outcome != block.OutcomePanic {
		t.Errorf("what is no program: outcome %d", out.Result.Outcome)
	}
}

func TestStoreUpgradesAndAssigns(t *testing.T) {
	a := world(services.Store())
	var c services.Commands
	queue := []protocol.Hash{{1}, {2}, {3}}
	c.Assign(1, other, queue...)
	c.Upgrade(services.Counter().Hash, 5, 6)
	in := &invoke.AccumulateInput{
		Slot: 300, Service: self, Gas: gas,
		Operands: []invoke.Operand{{Gas: gas, Result: block.Result{Output: c.Payload()}}},
		State: invoke.PartialState{
			Accounts: a, Privileges: &state.Privileges{Assigners: []protocol.ServiceID{self, self}}, Queues: make(state.AuthQueues, 2),
		},
	}
	out, err := invoker().Accumulate(in)
	if err != nil {
		t.Fatal(err)
	}
	if q := out.State.Queues[1]; len(q) != protocol.Tiny().AuthQueueSize || q[0] != queue[0] || q[79] != queue[79%3] {
		t.Errorf("queue %v", q)
	}
	if got := out.State.Privileges.Assigners; got[0] != self || got[1] != other {
		t.Errorf("assigners %v", got)
	}
	if got := a.Account(self); got.CodeHash != services.Counter().Hash || got.MinItemGas != 5 || got.MinMemoGas != 6 {
		t.Errorf("account %+v", got)
	}
}
