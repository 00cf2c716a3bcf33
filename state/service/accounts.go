package service

import (
	"iter"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
)

// Reader gives the value of a key in the state before. Values are not to be changed. It is safe for
// concurrent use.
type Reader interface {
	Get(protocol.StateKey) ([]byte, bool)
}

// Accounts is δ with the changes made to it. One goroutine may use it at a time, but any number may use
// forks of it meanwhile, if nobody changes what they were forked from.
type Accounts struct {
	base    Reader
	parent  *Accounts // what this was forked from
	touched map[protocol.ServiceID]*account
	undo    journal
}

// account is what a layer knows of a service: the account itself, and entries that it changed.
type account struct {
	state.Account
	exists     bool
	dirty      bool // the account differs from the layer below, or may
	generation uint64
	entries    map[protocol.StateKey]entry
}

// entry is a changed value of storage, preimages or requests.
type entry struct {
	value      []byte // nil if there is none
	generation uint64
}

// New begins without changes.
func New(base Reader) *Accounts {
	return &Accounts{base: base, touched: make(map[protocol.ServiceID]*account)}
}

// Fork gives accounts that begin as these and can change apart from them.
func (a *Accounts) Fork() *Accounts {
	f := New(a.base)
	f.parent = a
	return f
}

// Account gives the account of a service, to be read until the next change, or nil where there is none.
func (a *Accounts) Account(id protocol.ServiceID) *state.Account {
	t := a.load(id)
	if !t.exists {
		return nil
	}
	return &t.Account
}

// Exists reports whether there is such a service: s ∈ K(δ).
func (a *Accounts) Exists(id protocol.ServiceID) bool { return a.load(id).exists }

// ExistedBefore reports whether there was such a service when these accounts were forked.
func (a *Accounts) ExistedBefore(id protocol.ServiceID) bool {
	var below account
	a.loadBelow(id, &below)
	return below.exists
}

// Update gives the account of a service for fields to be set at once, or nil where there is none. Items and
// Octets are kept by the other methods.
func (a *Accounts) Update(id protocol.ServiceID) *state.Account {
	t := a.load(id)
	if !t.exists {
		return nil
	}
	a.undo.saveAccount(t)
	t.dirty = true
	return &t.Account
}

// Create adds an account. It must not have existed.
func (a *Accounts) Create(id protocol.ServiceID, fields *state.Account) {
	t := a.load(id)
	a.undo.saveAccount(t)
	t.Account, t.exists, t.dirty = *fields, true, true
}

// load finds an account in this layer, after copying it here if need be.
func (a *Accounts) load(id protocol.ServiceID) *account {
	t := a.touched[id]
	if t == nil {
		t = new(account)
		a.loadBelow(id, t)
		a.touched[id] = t
	}
	return t
}

// loadBelow fills in what the layers below know. It changes nothing in them.
func (a *Accounts) loadBelow(id protocol.ServiceID, t *account) {
	for p := a.parent; p != nil; p = p.parent {
		if known := p.touched[id]; known != nil {
			t.Account, t.exists = known.Account, known.exists
			return
		}
	}
	value, ok := a.base.Get(state.AccountKey(id))
	if !ok {
		return
	}
	d := codec.NewDecoder(value)
	t.DecodeFrom(&d)
	if t.exists = d.Finish() == nil; !t.exists {
		t.Account = state.Account{}
	}
}

// get finds the value of an entry of a service, nil if there is none.
func (a *Accounts) get(id protocol.ServiceID, key protocol.StateKey) []byte {
	for l := a; l != nil; l = l.parent {
		if t := l.touched[id]; t != nil {
			if e, ok := t.entries[key]; ok {
				return e.value
			}
		}
	}
	value, ok := a.base.Get(key)
	if ok && value == nil {
		value = []byte{}
	}
	return value
}

// set changes the value of an entry of a service; nil removes it. The value is kept.
func (a *Accounts) set(t *account, key protocol.StateKey, value []byte) {
	if t.entries == nil {
		t.entries = make(map[protocol.StateKey]entry)
	}
	a.undo.saveEntry(t, key)
	t.entries[key] = entry{value, a.undo.generation}
}

// Changes gives every key whose value may differ from the state before, with its value; nil removes it, also
// where there was none. Order is not determined.
func (a *Accounts) Changes() iter.Seq2[protocol.StateKey, []byte] {
	return func(yield func(protocol.StateKey, []byte) bool) {
		for id, t := range a.touched {
			if t.dirty && !yield(state.AccountKey(id), t.encode()) {
				return
			}
			for key, e := range t.entries {
				if !yield(key, e.value) {
					return
				}
			}
		}
	}
}

func (t *account) encode() []byte {
	if !t.exists {
		return nil
	}
	return t.AppendTo(make([]byte, 0, state.AccountSize))
}
