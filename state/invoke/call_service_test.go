package invoke

import (
	"testing"

	"damson/internal/protocol"
	"damson/state"
)

func TestNew(t *testing.T) {
	// A service with one request for n octets needs 100 + 2·10 + 81 + n.
	const need = 100 + 20 + 81 + 9
	e := accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 100 + need + 1}))
	h := e.poke(room, []byte{1, 2, 3})
	e.ok(18, 70000, h, 9, 11, 12, 0, 5)
	want := state.Account{
		CodeHash: protocol.Hash{1, 2, 3}, Balance: need, MinItemGas: 11, MinMemoGas: 12,
		Octets: 90, Items: 2, Created: thisSlot, Parent: theService,
	}
	if got := e.r.acc.accounts.Account(70000); got == nil || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if slots, ok := e.r.acc.accounts.Request(70000, want.CodeHash, 9); !ok || len(slots) != 0 {
		t.Error("no request for the code")
	}
	if e.self().Balance != 101 || e.r.acc.x.nextFree != 70042 {
		t.Errorf("balance %d, next index %d", e.self().Balance, e.r.acc.x.nextFree)
	}
	e.ok(18, resultCash, h, 9, 11, 12, 0, 5)
	e.ok(18, resultHuh, h, 9, 11, 12, 1, 5)
	e.panicked(18, uint64(nowhere), 9, 11, 12, 1, 5)
	e.panicked(18, h, 1<<32, 11, 12, 0, 5)
}

func TestNewGratis(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 100}))
	e.r.acc.x.privileges = &state.Privileges{Manager: theService}
	e.ok(18, 70000, room, 9, 0, 0, 1000, 0)
	if a := e.r.acc.accounts.Account(70000); a.Gratis != 1000 || a.Balance != 0 {
		t.Errorf("%+v", a)
	}
	e.ok(18, resultCash, room, 9, 0, 0, 209, 0)
}

func TestNewByRegistrar(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 1e6}).account(6, state.Account{}))
	e.r.acc.x.privileges = &state.Privileges{Registrar: theService}
	e.ok(18, 5, room, 9, 0, 0, 0, 5)
	e.ok(18, resultFull, room, 9, 0, 0, 0, 5)
	e.ok(18, resultFull, room, 9, 0, 0, 0, 6)
	e.ok(18, 70000, room, 9, 0, 0, 0, 65536)
	e.ok(18, 70042, room, 9, 0, 0, 0, 1<<32+5)
	e.r.acc.x.privileges = &state.Privileges{}
	e.ok(18, 70084, room, 9, 0, 0, 0, 7)
}

func TestIndexCheck(t *testing.T) {
	const last = 1<<32 - 1<<8 - 1
	base := entries{}.account(last, state.Account{}).account(65536, state.Account{}).account(65538, state.Account{})
	e := accumulateEnv(t, base)
	c := e.r.acc
	for from, want := range map[protocol.ServiceID]protocol.ServiceID{
		last: 65537, 65536: 65537, 65538: 65539, 65540: 65540,
	} {
		if got := c.check(uint64(from - 65536)); got != want {
			t.Errorf("check(%d) = %d, want %d", from, got, want)
		}
	}
	c.x.nextFree = last - 41 // and 42 on is past the end
	if got := c.bump(); got != 65537 {
		t.Errorf("after %d comes %d", c.x.nextFree, got)
	}
}

func TestUpgrade(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 5}))
	h := e.poke(room, []byte{1, 2})
	e.panicked(19, uint64(nowhere), 1, 2)
	e.ok(19, resultOK, h, 1<<60, 2)
	if a := e.self(); a.CodeHash != (protocol.Hash{1, 2}) || a.MinItemGas != 1<<60 || a.MinMemoGas != 2 || a.Balance != 5 {
		t.Errorf("%+v", a)
	}
}

func TestTransfer(t *testing.T) {
	base := entries{}.account(theService, state.Account{Balance: 150}).account(7, state.Account{MinMemoGas: 20})
	e := accumulateEnv(t, base)
	memo := e.poke(room, []byte("memo"))
	e.panicked(20, 8, 51, 19, nowhere)
	e.ok(20, resultWho, 8, 51, 19, memo)
	e.ok(20, resultWho, 7+1<<32, 51, 19, memo)
	e.ok(20, resultLow, 7, 51, 19, memo)
	e.ok(20, resultCash, 7, 51, 20, memo)
	e.ok(20, resultCash, 7, 1<<63, 20, memo)
	if e.r.gas() != 990 {
		t.Errorf("a failed transfer leaves %d gas", e.r.gas())
	}
	e.call(20, outOfGas, 0, 7, 50, 991, memo)
	e.call(20, outOfGas, 0, 7, 50, ^uint64(0), memo)
	if e.self().Balance != 150 || len(e.r.acc.x.transfers) != 0 {
		t.Error("out of gas, and yet something was transferred")
	}
	e.ok(20, resultOK, 7, 50, 990, memo)
	if e.r.gas() != 0 || e.self().Balance != 100 {
		t.Errorf("gas %d, balance %d", e.r.gas(), e.self().Balance)
	}
	x := e.r.acc.x.transfers
	want := Transfer{Source: theService, Dest: 7, Amount: 50, Gas: 990}
	copy(want.Memo[:], "memo")
	if len(x) != 1 || x[0] != want || len(e.r.acc.y.transfers) != 0 {
		t.Errorf("%+v", x)
	}
	e.ok(20, resultOK, 7, 0, 20, memo)
}

func TestEject(t *testing.T) {
	hash := protocol.Hash{5}
	owned := state.Account{CodeHash: protocol.Hash{theService}, Balance: 33, Items: 2, Octets: 81 + 4}
	full := owned
	full.Items = 3
	other := owned
	other.CodeHash[31] = 1
	base := entries{}.account(theService, state.Account{Balance: 1, CodeHash: protocol.Hash{theService}})
	for id, slots := range map[protocol.ServiceID][]protocol.Slot{
		1: {900, 967}, 2: {900, 968}, 3: {900}, 4: {1, 2, 3}, 5: {1, 2}, 6: {1, 2}, 7: {1, 2},
	} {
		a := owned
		switch id {
		case 5:
			a = full
		case 6:
			a = other
		}
		base.account(id, a).preimage(id, hash, []byte("blob"), slots...)
	}
	e := accumulateEnv(t, base)
	h := e.poke(room, hash[:])
	e.panicked(21, 1, nowhere)
	e.ok(21, resultWho, theService, h)
	e.ok(21, resultWho, 8, h)
	e.ok(21, resultWho, 1+1<<32, h)
	e.ok(21, resultWho, 6, h)
	for _, id := range []uint64{2, 3, 4, 5} {
		e.ok(21, resultHuh, id, h)
	}
	e.ok(21, resultHuh, 1, h+1)
	e.ok(21, resultOK, 1, h) // 967 + 32 < 1000
	if e.self().Balance != 34 || e.r.acc.accounts.Exists(1) || e.r.acc.accounts.Preimage(1, hash) != nil {
		t.Errorf("balance %d", e.self().Balance)
	}
	e.ok(21, resultWho, 1, h)
	e.ok(21, resultOK, 7, h)
}
