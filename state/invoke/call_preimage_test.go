package invoke

import (
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/state"
)

func TestQuery(t *testing.T) {
	hash := protocol.Hash{5}
	base := entries{}.account(theService, state.Account{})
	base.request(theService, hash, 0).request(theService, hash, 1, 10).request(theService, hash, 2, 10, 20)
	base.request(theService, hash, 3, 10, 20, 30)
	e := accumulateEnv(t, base)
	h := e.poke(room, hash[:])
	for length, want := range [][2]uint64{
		{0, 0},
		{1 + 10<<32, 0},
		{2 + 10<<32, 20},
		{3 + 10<<32, 20 + 30<<32},
		{resultNone, 0},
	} {
		e.ok(22, want[0], h, uint64(length))
		if got := e.r.m.Regs[8]; got != want[1] {
			t.Errorf("length %d: φ8 = %x, want %x", length, got, want[1])
		}
	}
	e.ok(22, resultNone, h, 1<<32)
	e.ok(22, resultNone, h+1, 1)
	e.panicked(22, uint64(nowhere), 1)
}

func TestSolicit(t *testing.T) {
	hash := protocol.Hash{5}
	a := state.Account{Balance: 100 + 4*20 + 4*81 + 6, Items: 6, Octets: 3*81 + 6}
	base := entries{}.account(theService, a)
	base.request(theService, hash, 1, 10).request(theService, hash, 2, 10, 20).request(theService, hash, 3, 10, 20, 30)
	e := accumulateEnv(t, base)
	h := e.poke(room, hash[:])
	e.panicked(23, uint64(nowhere), 1)
	e.ok(23, resultHuh, h, 1)
	e.ok(23, resultHuh, h, 3)
	e.ok(23, resultFull, h, 4)
	e.ok(23, resultFull, h, 1<<32)
	e.ok(23, resultFull, h, ^uint64(0))
	e.ok(23, resultOK, h, 0)
	e.ok(23, resultHuh, h, 0)
	if e.self().Items != 8 || e.self().Octets != 4*81+6 {
		t.Errorf("%+v", e.self())
	}
	e.ok(23, resultOK, h, 2)
	if slots, _ := e.r.acc.accounts.Request(theService, hash, 2); !slices.Equal(slots, []protocol.Slot{10, 20, thisSlot}) {
		t.Errorf("slots %v", slots)
	}
}

func TestForget(t *testing.T) {
	hash := protocol.Hash{5}
	type slots = []protocol.Slot
	for _, tc := range []struct {
		name   string
		before slots
		result uint64
		after  slots // nil: no request
	}{
		{"requested", slots{}, resultOK, nil},
		{"available", slots{5}, resultOK, slots{5, thisSlot}},
		{"unavailable", slots{5, 967}, resultOK, nil},
		{"unavailable lately", slots{5, 968}, resultHuh, slots{5, 968}},
		{"available again", slots{5, 967, 990}, resultOK, slots{990, thisSlot}},
		{"available again lately", slots{5, 968, 990}, resultHuh, slots{5, 968, 990}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base := entries{}.account(theService, state.Account{Items: 2, Octets: 85})
			e := accumulateEnv(t, base.preimage(theService, hash, []byte("blob"), tc.before...))
			e.ok(24, tc.result, e.poke(room, hash[:]), 4)
			got, exists := e.r.acc.accounts.Request(theService, hash, 4)
			if exists != (tc.after != nil) || !slices.Equal(got, tc.after) {
				t.Errorf("request %v %v, want %v", exists, got, tc.after)
			}
			if left := e.r.acc.accounts.Preimage(theService, hash) != nil; left != exists {
				t.Errorf("preimage is left: %v", left)
			}
			if (e.self().Items == 0) != (tc.after == nil) {
				t.Errorf("%d items", e.self().Items)
			}
		})
	}
	e := accumulateEnv(t, entries{}.account(theService, state.Account{}))
	e.ok(24, resultHuh, room, 4)
	e.ok(24, resultHuh, room, 1<<32)
	e.panicked(24, uint64(nowhere), 4)
}

func TestYield(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{}))
	e.panicked(25, uint64(nowhere))
	e.ok(25, resultOK, e.poke(room, []byte{1}))
	e.ok(25, resultOK, e.poke(room, []byte{2}))
	if e.r.acc.x.yield[0] != 2 || e.r.acc.y.yield != nil {
		t.Error("yield")
	}
}

func TestProvide(t *testing.T) {
	blob := []byte("preimage")
	hash := protocol.Hash(blake2b.Sum256(blob))
	base := entries{}.account(theService, state.Account{}).account(7, state.Account{}).account(8, state.Account{})
	base.request(theService, hash, 8).request(7, hash, 8).request(8, hash, 8, 1)
	e := accumulateEnv(t, base)
	at := e.poke(room, blob)
	e.panicked(26, 9, nowhere, 1)
	e.ok(26, resultWho, 9, at, 8)
	e.ok(26, resultWho, 7+1<<32, at, 8)
	e.ok(26, resultHuh, 8, at, 8)
	e.ok(26, resultHuh, 7, at, 7)
	e.ok(26, resultOK, self, at, 8)
	e.ok(26, resultOK, 7, at, 8)
	e.ok(26, resultHuh, 7, at, 8)
	e.ok(26, resultHuh, theService, at, 8)
	x := e.r.acc.x.provisions
	if len(x) != 2 || x[0].Service != theService || x[1].Service != 7 || x[1].Hash != hash || string(x[1].Blob) != "preimage" {
		t.Errorf("%v", x)
	}
}
