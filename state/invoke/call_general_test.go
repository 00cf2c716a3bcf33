package invoke

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
)

func TestGasOfCalls(t *testing.T) {
	for number := range uint64(110) {
		for _, kind := range []invocation{authorizing, refining, accumulating} {
			e := newEnv(t, kind)
			e.r.setGas(9)
			regs := e.r.m.Regs
			if got := e.r.call(number); got != outOfGas || e.r.m.Regs != regs {
				t.Errorf("host call %d with 9 gas: signal %d", number, got)
			}
		}
	}
	e := newEnv(t, authorizing)
	e.ok(0, 990)
	e.ok(27, resultWhat)
	e.ok(1<<40, resultWhat)
	e.ok(100, resultWhat)
	if e.r.gas() != 990 {
		t.Errorf("gas %d after an unknown call", e.r.gas())
	}
}

// TestOffers checks who may call what: GP §B.2, §B.3 and §B.4.
func TestOffers(t *testing.T) {
	want := map[invocation]string{
		authorizing:  "0 1 100",
		refining:     "0 1 6 7 8 9 10 11 12 13 100",
		accumulating: "0 1 2 3 4 5 14 15 16 17 18 19 20 21 22 23 24 25 26 100",
	}
	for kind, list := range want {
		offered := map[string]bool{}
		for _, s := range strings.Fields(list) {
			offered[s] = true
		}
		for i, c := range calls {
			if name := strconv.Itoa(i); (c.offered&kind != 0) != offered[name] {
				t.Errorf("host call %s in invocation %d: %v", name, kind, !offered[name])
			}
		}
	}
}

func TestGasBeyondCap(t *testing.T) {
	e := newEnv(t, accumulating)
	e.r.setGas(^uint64(0))
	if !e.r.charge(10) || e.r.gas() != ^uint64(0)-10 {
		t.Errorf("gas %d", e.r.gas())
	}
	if !e.r.charge(1<<63) || e.r.gas() != 1<<63-11 {
		t.Errorf("gas %d", e.r.gas())
	}
	if e.r.charge(1<<63) || e.r.gas() != 1<<63-11 {
		t.Errorf("gas %d", e.r.gas())
	}
}

func TestLookup(t *testing.T) {
	hash := protocol.Hash{4}
	base := entries{}.account(theService, state.Account{}).account(7, state.Account{})
	base.preimage(theService, hash, []byte("mine"), 1).preimage(7, hash, []byte("of seven"), 1)
	e := accumulateEnv(t, base)
	h := e.poke(room, hash[:])
	e.ok(2, 4, self, h, room+100, 0, 100)
	e.peekIs(room+100, "mine\x00")
	e.ok(2, 4, theService, h, room+200, 1, 2)
	e.peekIs(room+200, "in\x00")
	e.ok(2, 8, 7, h, room+300, 0, 8)
	e.peekIs(room+300, "of seven")
	e.ok(2, 8, 7, h, nowhere, 100, 8) // nothing to write
	e.ok(2, resultNone, 8, h, room, 0, 8)
	e.ok(2, resultNone, 7+1<<32, h, room, 0, 8)
	e.ok(2, resultNone, 7, room+1, nowhere, 0, 8)
	e.panicked(2, 7, uint64(nowhere), room, 0, 8)
	e.panicked(2, 7, h, readOnly, 0, 8)
}

func TestReadWrite(t *testing.T) {
	// B_S + B_I + 34 + 3 + 5 = 152 covers one value.
	base := entries{}.account(theService, state.Account{Balance: 152}).account(7, state.Account{})
	base[state.StorageKey(7, []byte("key"))] = []byte("seven")
	e := accumulateEnv(t, base)
	k := e.poke(room, []byte("key"))
	v := e.poke(room+10, []byte("value, longer"))
	e.ok(3, resultNone, self, k, 3, room+100, 0, 10)
	e.ok(4, resultNone, k, 3, v, 5)
	e.ok(3, 5, self, k, 3, room+100, 0, 10)
	e.peekIs(room+100, "value\x00")
	e.ok(3, 5, theService, k, 3, room+200, 3, 10)
	e.peekIs(room+200, "ue\x00")
	e.ok(3, 5, 7, k, 3, room+300, 0, 10)
	e.peekIs(room+300, "seven")
	e.ok(3, resultNone, 8, k, 3, room+300, 0, 10)
	e.ok(3, resultNone, 7, k, 2, room+300, 0, 10)
	e.ok(4, resultFull, k, 3, v, 6)
	e.ok(4, 5, k, 3, v, 4)
	e.ok(4, 4, k, 3, nowhere, 0)
	e.ok(4, resultNone, k, 3, nowhere, 0)
	if a := e.self(); a.Items != 0 || a.Octets != 0 {
		t.Errorf("%d items of %d octets are left", a.Items, a.Octets)
	}
	e.panicked(3, self, nowhere, 3, room, 0, 10)
	e.panicked(3, 7, k, 3, readOnly, 0, 10)
	e.panicked(4, nowhere, 3, v, 5)
	e.panicked(4, k, 3, nowhere, 5)
	e.panicked(4, k, 1<<63, v, 5)
}

// TestLongKey writes with a key that is hashed in pieces.
func TestLongKey(t *testing.T) {
	e := accumulateEnv(t, entries{}.account(theService, state.Account{Balance: 1 << 30}))
	const size = copyLimit + 5000
	e.r.m.Mem.Map(0x100, size/4096+2, 2)
	key := bytes.Repeat([]byte("0123456"), size/7+1)[:size]
	at := e.poke(0x100000+77, key)
	e.ok(4, resultNone, at, size, at, 3)
	if v := e.r.acc.accounts.Storage(theService, state.StorageKey(theService, key)); string(v) != "012" {
		t.Errorf("the value is %q", v)
	}
	e.ok(3, 3, self, at, size, room, 0, 3)
}

func TestWriteWhenTooPoor(t *testing.T) {
	base := entries{}.account(theService, state.Account{Balance: 100, Items: 2, Octets: 100})
	base[state.StorageKey(theService, []byte("k"))] = []byte("v")
	e := accumulateEnv(t, base)
	k := e.poke(room, []byte("k"))
	e.ok(4, resultFull, k, 1, 0, 0) // even what makes it better
}

func TestInfo(t *testing.T) {
	a := state.Account{
		CodeHash: protocol.Hash{1}, Balance: 2, MinItemGas: 3, MinMemoGas: 4, Octets: 5, Gratis: 6,
		Items: 7, Created: 8, LastAccumulation: 9, Parent: 10,
	}
	e := accumulateEnv(t, entries{}.account(theService, a).account(7, state.Account{Balance: 77}))
	e.ok(5, 96, self, room, 0, 200)
	want := a.CodeHash[:]
	for _, v := range []uint64{2, 100 + 70 + 5 - 6, 3, 4, 5} {
		want = append(want, byte(v), 0, 0, 0, 0, 0, 0, 0)
	}
	want = append(want, 7, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 0)
	e.peekIs(room, string(want))
	e.ok(5, 96, 7, room, 32, 1)
	e.peekIs(room, "\x4d\x00")
	e.ok(5, resultNone, 8, room, 0, 200)
	e.ok(5, resultNone, 7+1<<32, nowhere, 0, 200)
	e.panicked(5, 7, readOnly, 0, 1)
}

func TestLog(t *testing.T) {
	var events []LogEvent
	for _, e := range []*env{accumulateEnv(t, entries{}), refineEnv(t, entries{}), newEnv(t, authorizing)} {
		if e.r.kind == authorizing {
			e.r.pkg = &work{in: new(block.WorkPackage), core: 1}
		}
		e.r.invoker.log = func(event LogEvent) { events = append(events, event) }
		target, message := e.poke(room, []byte("target")), e.poke(room+10, []byte("message"))
		e.ok(100, resultWhat, 2, target, 6, message, 7)
		e.ok(100, resultWhat, 3, 0, 0, message, 7)
		e.ok(100, resultWhat, 3, nowhere, 1, message, 7)
		e.ok(100, resultWhat, 3, target, 6, nowhere, 7)
	}
	if len(events) != 6 {
		t.Fatalf("%d events", len(events))
	}
	if x := events[0]; x.Level != 2 || x.Target != "target" || x.Message != "message" || *x.Service != theService || x.Core != nil {
		t.Errorf("%+v", x)
	}
	if x := events[3]; x.Level != 3 || x.Target != "" || *x.Service != theService || *x.Core != 1 {
		t.Errorf("%+v", x)
	}
	if x := events[5]; x.Service != nil || *x.Core != 1 {
		t.Errorf("%+v", x)
	}
}

// TestLongKeysCostLittle names a GiB of memory, over and over, as what no service can have: it would take minutes to hash.
func TestLongKeysCostLittle(t *testing.T) {
	const size = 1 << 30
	base := entries{}.account(theService, state.Account{Balance: 1 << 20, Items: 2, Octets: 181}).account(7, state.Account{})
	e := accumulateEnv(t, base.request(theService, protocol.Hash{}, 100))
	e.r.m.Mem.Map(0x1000, size/pvm.PageSize, pvm.Write)
	for range 200 {
		e.ok(3, resultNone, self, 0x1000000, size)
		e.ok(3, resultNone, 7, 0x1000000, size)
		e.ok(3, resultNone, 8, 0x1000000, size)
		e.ok(4, resultNone, 0x1000000, size, 0, 0)
		e.ok(4, resultFull, 0x1000000, size, room, 1)
		e.ok(26, resultHuh, self, 0x1000000, size)
		e.ok(26, resultHuh, 7, 0x1000000, size)
	}
	e.ok(4, resultNone, 0x1000000, 1<<19, room, 1)
	e.ok(4, resultFull, 0x1000000, 1<<19+1, room, 1)
	e.ok(3, 1, self, 0x1000000, 1<<19)
	e.ok(4, 1, 0x1000000, 1<<19, 0, 0)
	e.ok(4, resultNone, 0x1000000, 1<<19, 0, 0)
	e.self().Balance = 0
	e.ok(4, resultFull, 0x1000000, 1<<19, 0, 0)
}
