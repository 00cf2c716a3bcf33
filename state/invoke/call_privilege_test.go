package invoke

import (
	"bytes"
	"slices"
	"testing"

	"damson/internal/protocol"
	"damson/state"
)

func TestBless(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{}))
	before := e.r.acc.x.privileges
	a := e.poke(room, []byte{3, 0, 0, 0, 4, 0, 0, 0})
	z := e.poke(room+100, []byte{
		9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
		9, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
	})
	e.ok(14, resultOK, 1, a, 2, 5, z, 3)
	x := e.r.acc.x.privileges
	if x.Manager != 1 || x.Delegator != 2 || x.Registrar != 5 || !slices.Equal(x.Assigners, []protocol.ServiceID{3, 4}) ||
		!slices.Equal(x.AlwaysAccumulate, []state.FreeGas{{Service: 8, Gas: 2}, {Service: 9, Gas: 3}}) {
		t.Errorf("%+v", x)
	}
	if e.r.acc.y.privileges != before || before.Manager != 0 || before.Assigners[0] != 1 {
		t.Error("the exceptional dimension changed")
	}
	e.ok(14, resultOK, 1, a, 2, 5, nowhere, 0)
	if len(e.r.acc.x.privileges.AlwaysAccumulate) != 0 {
		t.Error("an empty dictionary is not")
	}
	for i := range 3 {
		regs := []uint64{1, a, 2, 5, z, 3}
		regs[[]int{0, 2, 3}[i]] = 1 << 32
		e.ok(14, resultWho, regs...)
	}
	e.panicked(14, 1<<32, nowhere, 2, 5, z, 3)
	e.panicked(14, 1, a, 2, 5, nowhere, 1)
	e.panicked(14, 1, a, 2, 5, z, 1<<62) // 12 times it would wrap
}

func TestAssign(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{}))
	q := e.poke(room, bytes.Repeat([]byte{7}, 80*32))
	e.ok(15, resultHuh, 1, q, 5)
	e.r.acc.x.privileges = &state.Privileges{Assigners: []protocol.ServiceID{1, theService}}
	e.r.acc.checkpoint()
	e.ok(15, resultCore, 2, q, 5)
	e.ok(15, resultCore, 1<<32, q, 5)
	e.ok(15, resultHuh, 0, q, 5)
	e.ok(15, resultWho, 1, q, 1<<32)
	e.panicked(15, 1, nowhere, 5)
	e.panicked(15, 1, uint64(room+roomSize-80*32+1), 5)
	e.ok(15, resultOK, 1, q, 5)
	x, y := &e.r.acc.x, &e.r.acc.y
	if x.queues[1][79] != protocol.Hash(bytes.Repeat([]byte{7}, 32)) || x.privileges.Assigners[1] != 5 {
		t.Error("nothing assigned")
	}
	if y.queues[1][79] != (protocol.Hash{}) || y.privileges.Assigners[1] != theService {
		t.Error("the exceptional dimension changed")
	}
	e.ok(15, resultHuh, 1, q, 5) // not its own any more
}

func TestDesignate(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{}))
	v := e.poke(room, bytes.Repeat([]byte{6}, 6*336))
	e.ok(16, resultHuh, v)
	e.r.acc.x.privileges = &state.Privileges{Delegator: theService}
	e.panicked(16, uint64(nowhere))
	e.ok(16, resultOK, v)
	if x := e.r.acc.x.staging; len(x) != 6 || x[5].Metadata[127] != 6 {
		t.Errorf("%v", x)
	}
	if e.r.acc.y.staging[5].Metadata[127] != 0 {
		t.Error("the exceptional dimension changed")
	}
}

func TestCheckpoint(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 1000}))
	k := e.poke(room, []byte("ab"))
	e.ok(4, resultNone, k, 1, k, 1)
	e.ok(25, resultOK, k)
	e.ok(17, 990)
	e.ok(4, resultNone, k+1, 1, k, 1)
	e.ok(4, 1, k, 1, k, 0)
	e.r.acc.accounts.Revert()
	e.ok(3, 1, self, k, 1, room, 0, 0)
	e.ok(3, resultNone, self, k+1, 1, room, 0, 0)
	if y := e.r.acc.y.yield; y == nil || y[0] != 'a' {
		t.Error("no yield in the exceptional dimension")
	}
}
