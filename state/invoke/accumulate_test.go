package invoke

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/state"
	"damson/state/service"
)

// serviceWith gives a state with a rich service that runs a program.
func serviceWith(preimage []byte) entries {
	hash := protocol.Hash(blake2b.Sum256(preimage))
	base := entries{}.account(theService, state.Account{Balance: 1e9, CodeHash: hash})
	return base.preimage(theService, hash, preimage, 0)
}

func accumulateInput(base entries) *AccumulateInput {
	return &AccumulateInput{
		State: PartialState{
			Accounts:   service.New(base).Fork(),
			Privileges: &state.Privileges{Assigners: make([]protocol.ServiceID, 2)},
		},
		Slot: 300, Service: theService, Gas: 100_000,
		Transfers: []Transfer{{Amount: 5}, {Amount: 6}},
		Operands:  make([]Operand, 3),
	}
}

func accumulate(t *testing.T, in *AccumulateInput) *AccumulateOutput {
	t.Helper()
	out, err := newInvoker().Accumulate(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stored is what the service stored under the first n octets of its data.
func stored(a *service.Accounts, key string) string {
	return string(a.Storage(theService, state.StorageKey(theService, []byte(key))))
}

// args is where a standard program finds its arguments.
const args = 1<<32 - 1<<16 - 1<<24

func TestAccumulateProgram(t *testing.T) {
	program := guest().
		call(4, guestData, 3, args, 4). // write: "key" := the arguments
		call(20, theService, 7, 100, guestData).
		call(25, guestData).
		halt(guestData, 31)
	out := accumulate(t, accumulateInput(serviceWith(program.preimage("key"))))
	if got := stored(out.State.Accounts, "key"); got != "\x81\x2c\x64\x05" {
		t.Errorf("the arguments are %x", got)
	}
	if got := out.State.Accounts.Account(theService).Balance; got != 1e9+5+6-7 {
		t.Errorf("balance %d", got)
	}
	if len(out.Transfers) != 1 || out.Transfers[0].Gas != 100 || string(out.Transfers[0].Memo[:3]) != "key" {
		t.Errorf("transfers %v", out.Transfers)
	}
	if out.Yield == nil || string(out.Yield[:3]) != "key" {
		t.Errorf("yield %v", out.Yield)
	}
	// Entry 5: a jump, 9 set registers, 3 calls with 30 and 100 gas, and 3 to halt.
	if out.GasUsed != 1+9+3+30+100+3 {
		t.Errorf("gas used %d", out.GasUsed)
	}
}

func TestAccumulateYieldsOutput(t *testing.T) {
	for n, yields := range map[uint64]bool{0: false, 31: false, 32: true, 33: false, 1 << 40: false} {
		out := accumulate(t, accumulateInput(serviceWith(guest().halt(guestData, n).preimage("hash"))))
		if (out.Yield != nil) != yields || yields && string(out.Yield[:4]) != "hash" {
			t.Errorf("%d octets yield %v", n, out.Yield)
		}
	}
}

func TestAccumulateExceptions(t *testing.T) {
	checkpointed := func() *code {
		return guest().
			call(4, guestData, 1, guestData, 1).   // "k" := "k"
			call(20, theService, 7, 0, guestData). // transfer 7
			call(17).
			call(4, guestData, 1, guestData, 3).   // "k" := "key"
			call(4, guestData, 3, guestData, 3).   // "key" := "key"
			call(20, theService, 9, 0, guestData). // transfer 9
			call(25, guestData)
	}
	for name, tc := range map[string]struct {
		program *code
		gas     protocol.Gas
	}{
		"trap":       {checkpointed().trap(), 0},
		"page fault": {checkpointed().op(byte(pvm.LoadU8), 7, 0, 0, 3), 0},
		"host call":  {checkpointed().call(25, 0), 0},
		"endless":    {checkpointed().op(byte(pvm.Fallthrough)).op(byte(pvm.Jump), 0), 100_000},
		"transfer":   {checkpointed().call(20, theService, 9, 1<<63, guestData), 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			out := accumulate(t, accumulateInput(serviceWith(tc.program.preimage("key"))))
			a := out.State.Accounts
			if k, key := stored(a, "k"), stored(a, "key"); k != "k" || key != "" {
				t.Errorf("stored %q and %q", k, key)
			}
			if got := a.Account(theService); got.Balance != 1e9+5+6-7 || got.Items != 1 {
				t.Errorf("%+v", got)
			}
			if len(out.Transfers) != 1 || out.Yield != nil {
				t.Errorf("transfers %v, yield %v", out.Transfers, out.Yield)
			}
			if tc.gas != 0 && out.GasUsed != tc.gas || tc.gas == 0 && out.GasUsed >= 200 {
				t.Errorf("gas used %d", out.GasUsed)
			}
		})
	}
}

func TestAccumulateWithoutCode(t *testing.T) {
	big := append([]byte{0}, make([]byte, 4_000_001)...)
	for name, tc := range map[string]struct {
		base   entries
		exists bool
	}{
		"no service":  {entries{}, false},
		"no preimage": {entries{}.account(theService, state.Account{Balance: 1e9}), true},
		"no code":     {serviceWith([]byte{200}), true},
		"too big":     {serviceWith(big), true},
		"no program":  {serviceWith([]byte{0, 1, 2, 3}), true},
	} {
		t.Run(name, func(t *testing.T) {
			in := accumulateInput(tc.base)
			out := accumulate(t, in)
			a := out.State.Accounts.Account(theService)
			if (a != nil) != tc.exists || a != nil && a.Balance != 1e9+11 {
				t.Errorf("%+v", a)
			}
			if out.GasUsed != 0 || out.Yield != nil || len(out.Transfers) != 0 || out.State.Privileges != in.State.Privileges {
				t.Errorf("%+v", out)
			}
		})
	}
}

// TestFirstIndex compares with the formula of GP §B.4, written out.
func TestFirstIndex(t *testing.T) {
	in := accumulateInput(serviceWith(guest().call(18, guestData, 5, 0, 0, 0, 0).call(18, guestData, 5, 0, 0, 0, 0).halt(0, 0).preimage("")))
	in.Entropy = protocol.Hash{1}
	seed := blake2b.Sum256(append(append([]byte{theService}, in.Entropy[:]...), 0x81, 0x2c))
	first := uint64(binary.LittleEndian.Uint32(seed[:]))%(1<<32-1<<16-1<<8) + 1<<16
	second := 1<<16 + (first-1<<16+42)%(1<<32-1<<16-1<<8)
	out := accumulate(t, in)
	for _, id := range []uint64{first, second} {
		if !out.State.Accounts.Exists(protocol.ServiceID(id)) {
			t.Errorf("no service %d", id)
		}
	}
}

// TestParallel runs services at the same time that share programs and memories, more than are kept.
func TestParallel(t *testing.T) {
	v := newInvoker()
	var wg sync.WaitGroup
	for i := range 40 {
		data := fmt.Sprintf("key%d", i%20)
		base := serviceWith(guest().call(4, guestData, 8, guestData, uint64(len(data))).halt(0, 0).preimage(data))
		wg.Go(func() {
			for range 5 {
				out, err := v.Accumulate(accumulateInput(base))
				if err != nil {
					t.Error(err)
					return
				}
				key := data + strings.Repeat("\x00", 8-len(data))
				if got := stored(out.State.Accounts, key); got != data {
					t.Errorf("stored %q, want %q", got, data)
				}
			}
		})
	}
	wg.Wait()
}

func TestCacheBound(t *testing.T) {
	v := newInvoker()
	v.programs.limit = 100_000
	for i := range 50 {
		in := accumulateInput(serviceWith(guest().halt(0, 0).preimage(fmt.Sprint(i))))
		if _, err := v.Accumulate(in); err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for e := v.programs.order.Front(); e != nil; e = e.Next() {
			sum += e.Value.(*program).size
		}
		if sum != v.programs.bytes || sum > v.programs.limit || len(v.programs.byKey) != v.programs.order.Len() {
			t.Fatalf("%d octets are counted, %d are kept in %d programs", v.programs.bytes, sum, v.programs.order.Len())
		}
	}
	if n := v.programs.order.Len(); n < 5 || n == 50 {
		t.Errorf("%d programs are kept", n)
	}
}

// TestWrongPreimage runs two programs under one hash, as a state that nobody made by the rules may have them.
func TestWrongPreimage(t *testing.T) {
	v := newInvoker()
	for _, data := range []string{"one", "two", "one"} {
		base := entries{}.account(theService, state.Account{Balance: 1e9, CodeHash: protocol.Hash{1}})
		base.preimage(theService, protocol.Hash{1}, guest().call(4, guestData, 1, guestData, 3).halt(0, 0).preimage(data), 0)
		out, err := v.Accumulate(accumulateInput(base))
		if err != nil || stored(out.State.Accounts, data[:1]) != data {
			t.Errorf("%s: error %v", data, err)
		}
	}
}

func BenchmarkAccumulate(b *testing.B) {
	program := guest()
	for range 10 {
		program.call(3, self, guestData, 3, guestData+100, 0, 100).call(4, guestData, 3, guestData, 3)
	}
	base := serviceWith(program.halt(0, 0).preimage("key"))
	v := newInvoker()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Accumulate(accumulateInput(base)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20, "ns/call")
}
