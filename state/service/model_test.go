package service

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"damson/internal/protocol"
	"damson/state"
)

// model is the same as Accounts by whole copies: what must come of every operation.
type model struct {
	entries entries
	saved   entries
}

// TestModel does random operations on accounts, in layers with checkpoints, and on copies of everything.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runModel(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func runModel(t *testing.T, random *rand.Rand) {
	p := protocol.Tiny()
	base := entries{}
	for id := range protocol.ServiceID(3) {
		base.with(id, state.Account{Balance: protocol.Balance(random.IntN(1000))})
	}
	top := New(base)
	for range 3 {
		m := model{entries: base.apply(top)}
		f := top.Fork()
		f.Checkpoint()
		m.saved = maps.Clone(m.entries)
		for range random.IntN(60) {
			step(p, random, f, &m)
		}
		if random.IntN(2) == 0 {
			f.Revert()
			m.entries = m.saved
		}
		// Merging keeps of other services nothing: make service 0 the only one that changed.
		if err := top.Merge([]Result{{0, f}}); err != nil {
			t.Fatal(err)
		}
		got := base.apply(top)
		for key, want := range m.entries {
			if string(got[key]) != string(want) {
				t.Fatalf("key %v: %x, want %x", key, got[key], want)
			}
		}
		if len(got) != len(m.entries) {
			t.Fatalf("%d entries, want %d", len(got), len(m.entries))
		}
	}
}

func step(p *protocol.Params, random *rand.Rand, a *Accounts, m *model) {
	account := func() *state.Account { return New(m.entries).Account(0) }
	hash := protocol.Hash{byte(random.IntN(3))}
	length := uint32(random.IntN(2))
	switch random.IntN(7) {
	case 0:
		a.Checkpoint()
		m.saved = maps.Clone(m.entries)
	case 1:
		a.Revert()
		m.entries = maps.Clone(m.saved)
	case 2:
		change := protocol.Balance(random.IntN(100))
		a.Update(0).Balance += change
		now := account()
		now.Balance += change
		m.entries.with(0, *now)
	case 3:
		key := string("abc"[random.IntN(3)])
		value := make([]byte, random.IntN(40))
		if a.write(p, 0, key, string(value)) {
			m.write(key, value, account())
		}
	case 4:
		slots := make([]protocol.Slot, random.IntN(4))
		a.SetRequest(0, hash, length, slots)
		m.request(hash, length, state.AppendRequest(nil, slots), account())
	case 5:
		a.DeleteRequest(0, hash, length)
		m.request(hash, length, nil, account())
	case 6:
		if random.IntN(2) == 0 {
			a.SetPreimage(0, hash, []byte{1})
			m.entries[state.PreimageKey(0, hash)] = []byte{1}
		} else {
			a.DeletePreimage(0, hash)
			delete(m.entries, state.PreimageKey(0, hash))
		}
	}
}

func (m *model) write(key string, value []byte, now *state.Account) {
	k := state.StorageKey(0, []byte(key))
	if old, ok := m.entries[k]; ok {
		now.Items--
		now.Octets -= 34 + uint64(len(key)+len(old))
		delete(m.entries, k)
	}
	if len(value) > 0 {
		now.Items++
		now.Octets += 34 + uint64(len(key)+len(value))
		m.entries[k] = value
	}
	m.entries.with(0, *now)
}

func (m *model) request(hash protocol.Hash, length uint32, value []byte, now *state.Account) {
	k := state.RequestKey(0, hash, length)
	if _, ok := m.entries[k]; ok {
		now.Items -= 2
		now.Octets -= 81 + uint64(length)
		delete(m.entries, k)
	}
	if value != nil {
		now.Items += 2
		now.Octets += 81 + uint64(length)
		m.entries[k] = value
	}
	m.entries.with(0, *now)
}
