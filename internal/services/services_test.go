package services_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/interp"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

const (
	self  protocol.ServiceID = 7
	other protocol.ServiceID = 8
	gas   protocol.Gas       = 1_000_000
)

type nothing struct{}

func (nothing) Get(protocol.StateKey) ([]byte, bool) { return nil, false }

// world has two services with a code.
func world(code *services.Code) *service.Accounts {
	a := service.New(nothing{})
	for _, id := range []protocol.ServiceID{self, other} {
		a.Create(id, &state.Account{CodeHash: code.Hash, Balance: 1_000_000})
		a.SetRequest(id, code.Hash, uint32(len(code.Blob)), []protocol.Slot{0})
		a.SetPreimage(id, code.Hash, code.Blob)
	}
	return a
}

func invoker() *invoke.Invoker {
	return invoke.New(invoke.Options{Engine: interp.New(), Params: protocol.Tiny()})
}

func accumulate(t *testing.T, a *service.Accounts, transfers []invoke.Transfer, payloads ...[]byte) *invoke.AccumulateOutput {
	t.Helper()
	in := &invoke.AccumulateInput{
		Slot: 300, Service: self, Gas: gas, Transfers: transfers,
		State: invoke.PartialState{
			Accounts:   a,
			Privileges: &state.Privileges{Assigners: make([]protocol.ServiceID, 2)},
			Queues:     make(state.AuthQueues, 2),
		},
	}
	for _, payload := range payloads {
		in.Operands = append(in.Operands, invoke.Operand{Gas: 12_345_678, Result: block.Result{Output: payload}})
	}
	out, err := invoker().Accumulate(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func stored(a *service.Accounts, key string) string {
	return string(a.Storage(self, state.StorageKey(self, []byte(key))))
}

func TestStore(t *testing.T) {
	a := world(services.Store())
	blob := []byte("asked for")
	hash := blake2b.Sum256(blob)
	var first, second services.Commands
	first.Set("a", "1")
	first.Set("b", "2")
	first.Fill(5, 10, 300, 99)
	second.Set("a", "")
	second.Transfer(other, 1000, 500, "memo")
	second.Solicit(hash, uint32(len(blob)))
	second.New(services.Counter(), 1, 2)
	out := accumulate(t, a, nil, first.Payload(), second.Payload())
	if len(out.Transfers) != 1 || out.Transfers[0].Amount != 1000 || string(out.Transfers[0].Memo[:5]) != "memo\x00" {
		t.Errorf("transfers %v", out.Transfers)
	}
	if stored(a, "a") != "" || stored(a, "b") != "2" || stored(a, string(services.FillKey(5+2990))) != "c\x00\x00\x00\x00\x00\x00\x00" {
		t.Error("wrong storage")
	}
	if slots, ok := a.Request(self, hash, uint64(len(blob))); !ok || len(slots) != 0 {
		t.Error("the preimage is not asked for")
	}
	if got := a.Account(self).Items; got != 2+301+2 {
		t.Errorf("%d items", got)
	}
}

// TestStoreStops: what an operand begins is undone if a command of it fails, and what came before stays.
func TestStoreStops(t *testing.T) {
	a := world(services.Store())
	var good, bad services.Commands
	good.Set("a", "1")
	bad.Set("b", "2")
	bad.Transfer(99, 1, 0, "to nobody")
	accumulate(t, a, nil, good.Payload(), bad.Payload())
	if stored(a, "a") != "1" || stored(a, "b") != "" {
		t.Errorf("a is %q, b is %q", stored(a, "a"), stored(a, "b"))
	}
}

func TestStoreReceives(t *testing.T) {
	a := world(services.Store())
	transfer := invoke.Transfer{Source: other, Dest: self, Amount: 5}
	copy(transfer.Memo[:], "thanks")
	accumulate(t, a, []invoke.Transfer{transfer})
	key := binary.LittleEndian.AppendUint32([]byte{1}, uint32(other))
	if got := stored(a, string(key)); len(got) != 136 || got[:14] != "\x05\x00\x00\x00\x00\x00\x00\x00thanks" {
		t.Errorf("noted %q", got)
	}
	if got := a.Account(self).Balance; got != 1_000_005 {
		t.Errorf("balance %d", got)
	}
}

func TestCounter(t *testing.T) {
	a := world(services.Counter())
	accumulate(t, a, nil)
	out := accumulate(t, a, make([]invoke.Transfer, 2), nil)
	want := make([]byte, 32)
	want[0], want[8] = 2, 3
	if out.Yield == nil || !slices.Equal(out.Yield[:], want) || stored(a, "n") != string(want[:16]) {
		t.Errorf("yield %x, stored %q", out.Yield, stored(a, "n"))
	}
}
