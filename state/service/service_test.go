package service

import (
	"errors"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/state"
)

// entries is a state for tests.
type entries map[protocol.StateKey][]byte

func (e entries) Get(key protocol.StateKey) ([]byte, bool) {
	v, ok := e[key]
	return v, ok
}

// with adds an account.
func (e entries) with(id protocol.ServiceID, a state.Account) entries {
	e[state.AccountKey(id)] = a.AppendTo(nil)
	return e
}

// apply makes the state after the changes.
func (e entries) apply(a *Accounts) entries {
	post := entries{}
	for k, v := range e {
		post[k] = v
	}
	for k, v := range a.Changes() {
		if v == nil {
			delete(post, k)
		} else {
			post[k] = v
		}
	}
	return post
}

func (a *Accounts) write(p *protocol.Params, id protocol.ServiceID, key, value string) bool {
	c := a.PlanStorage(id, state.StorageKey(id, []byte(key)), uint64(len(key)), uint64(len(value)))
	if !c.Affordable(p) {
		return false
	}
	c.Apply([]byte(value))
	return true
}

func (a *Accounts) read(id protocol.ServiceID, key string) string {
	return string(a.Storage(id, state.StorageKey(id, []byte(key))))
}

func TestFootprint(t *testing.T) {
	p := protocol.Tiny()
	a := New(entries{}.with(1, state.Account{Balance: 1000}))
	check := func(what string, items uint32, octets uint64) {
		t.Helper()
		if got := a.Account(1); got.Items != items || got.Octets != octets {
			t.Errorf("%s: %d items of %d octets, want %d of %d", what, got.Items, got.Octets, items, octets)
		}
	}
	a.write(p, 1, "key", "value")
	check("new value", 1, 34+3+5)
	a.write(p, 1, "key", "longer value")
	check("other value", 1, 34+3+12)
	a.SetRequest(1, protocol.Hash{1}, 7, nil)
	check("request", 3, 34+3+12+81+7)
	a.SetRequest(1, protocol.Hash{1}, 7, []protocol.Slot{4})
	check("request changed", 3, 34+3+12+81+7)
	a.SetPreimage(1, protocol.Hash{1}, []byte("seven!!"))
	check("preimage", 3, 34+3+12+81+7)
	a.write(p, 1, "key", "")
	check("value removed", 2, 81+7)
	a.write(p, 1, "none", "")
	check("nothing removed", 2, 81+7)
	a.DeleteRequest(1, protocol.Hash{1}, 7)
	a.DeleteRequest(1, protocol.Hash{1}, 7)
	check("request removed", 0, 0)
}

func TestAffordable(t *testing.T) {
	p := protocol.Tiny()
	// B_S + B_I + 34 + 1 + 10 = 155.
	a := New(entries{}.with(1, state.Account{Balance: 155}))
	if a.write(p, 1, "k", "01234567890") {
		t.Error("11 octets for 155")
	}
	if a.read(1, "k") != "" || a.Account(1).Items != 0 {
		t.Error("a write that is not affordable left something")
	}
	if !a.write(p, 1, "k", "0123456789") {
		t.Error("10 octets not for 155")
	}
	if a.write(p, 2, "k", "v") {
		t.Error("a service that is not there can write")
	}
}

func TestCode(t *testing.T) {
	hash := protocol.Hash{7}
	base := entries{}.with(1, state.Account{CodeHash: hash}).with(2, state.Account{CodeHash: hash})
	base[state.PreimageKey(1, hash)] = []byte("\x02mdcode")
	base[state.PreimageKey(2, hash)] = []byte("\x07md")
	a := New(base)
	if code, h, ok := a.Code(1); !ok || string(code) != "code" || h != hash {
		t.Errorf("code %q %v %v", code, h, ok)
	}
	for _, id := range []protocol.ServiceID{2, 3} {
		if code, _, ok := a.Code(id); ok {
			t.Errorf("service %d has code %q", id, code)
		}
	}
}

func TestLookup(t *testing.T) {
	blob := []byte("preimage")
	hash := protocol.Hash(blake2b.Sum256(blob))
	for _, tc := range []struct {
		slots     []protocol.Slot
		available string // at slots 0 to 7
	}{
		{nil, "........"},
		{[]protocol.Slot{3}, "...xxxxx"},
		{[]protocol.Slot{2, 5}, "..xxx..."},
		{[]protocol.Slot{1, 3, 6}, ".xx...xx"},
	} {
		a := New(entries{}.with(1, state.Account{}))
		a.SetRequest(1, hash, uint32(len(blob)), tc.slots)
		a.SetPreimage(1, hash, blob)
		for slot, want := range tc.available {
			if got := a.Lookup(1, protocol.Slot(slot), hash) != nil; got != (want == 'x') {
				t.Errorf("%v at %d: %v", tc.slots, slot, got)
			}
		}
		if a.Lookup(2, 4, hash) != nil || a.Lookup(1, 4, protocol.Hash{}) != nil {
			t.Error("found what is not there")
		}
	}
}

func TestProvide(t *testing.T) {
	hash := protocol.Hash(blake2b.Sum256(nil))
	a := New(entries{}.with(1, state.Account{}))
	if a.Provide(1, hash, nil, 5) || a.Provide(2, hash, nil, 5) {
		t.Error("provided what nobody asked for")
	}
	a.SetRequest(1, hash, 0, nil)
	if !a.Provide(1, hash, nil, 5) {
		t.Fatal("not provided")
	}
	if a.Provide(1, hash, nil, 6) {
		t.Error("provided twice")
	}
	if blob := a.Lookup(1, 5, hash); blob == nil || len(blob) != 0 {
		t.Errorf("an empty preimage is found as %v", blob)
	}
	if slots, ok := a.Request(1, hash, 0); !ok || len(slots) != 1 || slots[0] != 5 {
		t.Errorf("request %v %v", slots, ok)
	}
	if _, ok := a.Request(1, hash, 1<<32); ok {
		t.Error("a request for 2^32 octets")
	}
}

func TestRemove(t *testing.T) {
	hash := protocol.Hash{9}
	base := entries{}.with(1, state.Account{Items: 2, Octets: 81 + 4})
	base[state.RequestKey(1, hash, 4)] = state.AppendRequest(nil, []protocol.Slot{1, 2})
	base[state.PreimageKey(1, hash)] = []byte("blob")
	a := New(base)
	a.Remove(1, hash, 4)
	if a.Exists(1) {
		t.Error("still there")
	}
	if post := base.apply(a); len(post) != 0 {
		t.Errorf("%d entries are left", len(post))
	}
}

func TestMerge(t *testing.T) {
	p := protocol.Tiny()
	rich := state.Account{Balance: 1 << 40}
	base := entries{}.with(1, rich).with(2, rich).with(3, rich)
	a := New(base)
	a.write(p, 1, "kept", "before")
	one, two := a.Fork(), a.Fork()

	one.write(p, 1, "k", "one")
	one.Create(10, &state.Account{Balance: 10})
	one.write(p, 3, "k", "no business of service 1")
	two.write(p, 2, "k", "two")
	two.Remove(3, protocol.Hash{}, 0)
	two.Create(11, &rich)
	two.write(p, 11, "k", "eleven")
	if err := a.Merge([]Result{{1, one}, {2, two}}); err != nil {
		t.Fatal(err)
	}
	post := New(base.apply(a))
	for id, want := range map[protocol.ServiceID]string{1: "one", 2: "two", 3: "", 11: "eleven"} {
		if got := post.read(id, "k"); got != want {
			t.Errorf("service %d: %q, want %q", id, got, want)
		}
	}
	if post.read(1, "kept") != "before" {
		t.Error("an earlier change is lost")
	}
	for id, want := range map[protocol.ServiceID]bool{1: true, 2: true, 3: false, 10: true, 11: true} {
		if post.Exists(id) != want {
			t.Errorf("service %d exists: %v", id, !want)
		}
	}
}

func TestMergeRemovalPrevails(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		a := New(entries{}.with(1, state.Account{}).with(2, state.Account{}))
		results := []Result{{1, a.Fork()}, {2, a.Fork()}}
		results[0].Accounts.Remove(2, protocol.Hash{}, 0)
		results[1].Accounts.Update(2).Balance += 5
		if err := a.Merge([]Result{results[order[0]], results[order[1]]}); err != nil {
			t.Fatal(err)
		}
		if a.Exists(2) {
			t.Errorf("order %v: the removed service is there", order)
		}
	}
}

func TestMergeConflict(t *testing.T) {
	a := New(entries{}.with(1, state.Account{}).with(2, state.Account{}))
	results := []Result{{1, a.Fork()}, {2, a.Fork()}}
	for _, r := range results {
		r.Accounts.Create(70000, &state.Account{})
	}
	if err := a.Merge(results); !errors.Is(err, ErrIndexConflict) {
		t.Errorf("error %v", err)
	}
}

func TestExistedBefore(t *testing.T) {
	a := New(entries{}.with(1, state.Account{}))
	a.Create(2, &state.Account{})
	f := a.Fork()
	f.Create(3, &state.Account{})
	f.Remove(1, protocol.Hash{}, 0)
	for id, want := range map[protocol.ServiceID]bool{1: true, 2: true, 3: false, 4: false} {
		if f.ExistedBefore(id) != want {
			t.Errorf("service %d existed before: %v", id, !want)
		}
	}
}
