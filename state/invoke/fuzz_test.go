package invoke

import (
	"encoding/binary"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
)

// FuzzCalls does any host calls with any registers, each from a few octets of the input. Whatever a guest asks for,
// the node goes on, gas is paid and no balance comes or goes.
func FuzzCalls(f *testing.F) {
	for number := range byte(27) {
		f.Add([]byte{number % 3, number, 0, 1, 2, 3, 4, 5, number, 6, 7, 8, 9, 10, 11, number, 1, 12, 0, 13, 2, 14})
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 {
			return
		}
		e := fuzzEnv(t, input[0])
		input = input[1:]
		before := e.balances()
		for steps := 0; len(input) >= 7 && steps < 200; steps++ {
			for i, choice := range input[1:7] {
				e.r.m.Regs[7+i] = register(choice, input)
			}
			e.r.setGas(100_000)
			signal := e.r.call(uint64(input[0]))
			if signal == fails && e.r.failed == nil {
				t.Fatal("failed without an error")
			}
			if left := e.r.gas(); signal != outOfGas && left > 100_000-callCost {
				t.Fatalf("host call %d: %d gas left", input[0], left)
			}
			if after := e.balances(); after != before {
				t.Fatalf("host call %d: balances were %d and are %d", input[0], before, after)
			}
			input = input[7:]
		}
		if e.r.acc != nil {
			e.r.acc.accounts.Revert()
		} else if e.r.ref != nil {
			e.r.ref.machines.release()
		}
	})
}

// fuzzIDs are the services that there are at first.
var fuzzIDs = []protocol.ServiceID{theService, 7, 8}

func fuzzEnv(t *testing.T, kind byte) *env {
	blob := []byte("blob")
	hash := protocol.Hash(blake2b.Sum256(blob))
	base := entries{}.account(theService, state.Account{Balance: 1e6}).account(7, state.Account{Balance: 500})
	base.account(8, state.Account{CodeHash: protocol.Hash{theService}, Items: 2, Octets: 85, Balance: 7})
	base.preimage(8, hash, blob, 1, 2).preimage(7, hash, blob, 1).request(theService, hash, 4)
	var e *env
	switch kind % 3 {
	case 0:
		e = accumulateEnv(t, base)
		e.r.acc.x.privileges = &state.Privileges{
			Manager: theService, Delegator: theService, Registrar: theService, Assigners: []protocol.ServiceID{1, theService},
		}
		e.r.acc.checkpoint()
	case 1:
		e = refineEnv(t, base)
		e.r.invoker.innerGas, e.r.invoker.innerBytes = 1e6, 1<<24
	default:
		e = newEnv(t, authorizing)
		e.r.pkg = refineEnv(t, base).r.pkg
	}
	e.base = base
	e.poke(room, hash[:])
	e.poke(room+100, blob)
	inner := new(code).set(3, 33).call(77).trap().blob()
	e.poke(room+200, inner)
	e.poke(room+400, machineState(50))
	return e
}

// register is one of the values that matter, or eight octets of the input.
func register(choice byte, input []byte) uint64 {
	values := []uint64{
		0, 1, 2, 3, 4, 16, 31, 32, 112, 5000, room, room + 100, room + 200, room + 400, room + roomSize - 10, readOnly, nowhere,
		theService, 7, 8, 70000, self, 1 << 32, 1<<32 - 1, 1 << 63, 20, 21,
	}
	if int(choice) < len(values) {
		return values[choice]
	}
	var b [8]byte
	copy(b[:], input[choice%7:])
	return binary.LittleEndian.Uint64(b[:]) >> (choice % 60)
}

// balances is the sum of what all have, and of what is on its way.
func (e *env) balances() (sum protocol.Balance) {
	if e.r.acc == nil {
		return 0
	}
	accounts := map[protocol.StateKey][]byte{}
	for _, id := range fuzzIDs {
		if value, ok := e.base.Get(state.AccountKey(id)); ok {
			accounts[state.AccountKey(id)] = value
		}
	}
	for key, value := range e.r.acc.accounts.Changes() {
		if key[0] == 255 && [23]byte(key[8:]) == [23]byte{} { // C(255, s)
			accounts[key] = value
		}
	}
	for _, value := range accounts {
		if value != nil {
			var a state.Account
			d := codec.NewDecoder(value)
			a.DecodeFrom(&d)
			sum += a.Balance
		}
	}
	for i := range e.r.acc.x.transfers {
		sum += e.r.acc.x.transfers[i].Amount
	}
	return sum
}

// FuzzGuest runs any program as a service, with any data, to its end.
func FuzzGuest(f *testing.F) {
	f.Add([]byte{byte(pvm.Ecalli), 17, byte(pvm.Trap)}, "data", uint64(1000))
	f.Add(guest().call(4, guestData, 3, args, 4).call(18, guestData).halt(guestData, 32).octets, "key", uint64(500))
	f.Fuzz(func(t *testing.T, octets []byte, data string, gas uint64) {
		if len(octets) > 1000 || len(data) > pvm.PageSize {
			return
		}
		c := guest()
		for _, o := range octets {
			c.op(o)
		}
		in := accumulateInput(serviceWith(c.preimage(data)))
		in.Gas = protocol.Gas(gas % 100_000)
		out, err := newInvoker().Accumulate(in)
		if err != nil {
			t.Fatal(err)
		}
		if out.GasUsed > in.Gas {
			t.Fatalf("%d gas used of %d", out.GasUsed, in.Gas)
		}
	})
}
