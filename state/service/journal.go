package service

import (
	"damson/internal/protocol"
	"damson/state"
)

// journal remembers how things stood at the last checkpoint: of each account and each entry changed since,
// the first time only, so that its size is bounded by what there is and not by how often it is written.
type journal struct {
	generation uint64 // counts checkpoints; at 0 nothing is remembered
	accounts   []savedAccount
	entries    []savedEntry
}

type savedAccount struct {
	at         *account
	fields     state.Account
	exists     bool
	dirty      bool
	generation uint64
}

type savedEntry struct {
	at    *account
	key   protocol.StateKey
	value entry
	known bool // there was an entry in this layer
}

// Checkpoint makes this the state that Revert goes back to.
func (a *Accounts) Checkpoint() {
	j := &a.undo
	j.generation++
	clear(j.accounts)
	clear(j.entries)
	j.accounts, j.entries = j.accounts[:0], j.entries[:0]
}

// Revert takes back every change since the last checkpoint, of which there must have been one.
func (a *Accounts) Revert() {
	j := &a.undo
	for i := range j.accounts {
		s := &j.accounts[i]
		s.at.Account, s.at.exists, s.at.dirty, s.at.generation = s.fields, s.exists, s.dirty, s.generation
	}
	for i := range j.entries {
		s := &j.entries[i]
		if s.known {
			s.at.entries[s.key] = s.value
		} else {
			delete(s.at.entries, s.key)
		}
	}
	j.accounts, j.entries = j.accounts[:0], j.entries[:0]
}

func (j *journal) saveAccount(t *account) {
	if t.generation == j.generation {
		return
	}
	j.accounts = append(j.accounts, savedAccount{t, t.Account, t.exists, t.dirty, t.generation})
	t.generation = j.generation
}

func (j *journal) saveEntry(t *account, key protocol.StateKey) {
	if j.generation == 0 {
		return
	}
	old, known := t.entries[key]
	if known && old.generation == j.generation {
		return
	}
	j.entries = append(j.entries, savedEntry{t, key, old, known})
}
