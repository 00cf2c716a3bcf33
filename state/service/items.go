package service

import (
	"damson/internal/protocol"
	"damson/state"
)

// What a request and a value of storage count for beside their octets. GP eq:deposits.
const (
	requestItems   = 2
	requestOctets  = 81
	storageOctets  = 34
	maxBlobLength  = 1<<32 - 1
	maxRequestSize = 1 + 3*4
)

// Storage gives the value that a service stores under a key, hashed by state.StorageKey; nil if there is none.
func (a *Accounts) Storage(id protocol.ServiceID, key protocol.StateKey) []byte {
	return a.get(id, key)
}

// StorageChange is a change to storage before it is made.
type StorageChange struct {
	Old []byte // the value before, nil if there is none

	accounts *Accounts
	account  *account
	key      protocol.StateKey
	items    uint32
	octets   uint64
}

// PlanStorage prepares to store size octets under a key of keySize octets, hashed before; 0 octets remove what
// is there.
func (a *Accounts) PlanStorage(id protocol.ServiceID, key protocol.StateKey, keySize, size uint64) StorageChange {
	t := a.load(id)
	c := StorageChange{Old: a.get(id, key), accounts: a, account: t, key: key, items: t.Items, octets: t.Octets}
	if c.Old != nil {
		c.items--
		c.octets -= storageOctets + keySize + uint64(len(c.Old))
	}
	if size > 0 {
		c.items++
		c.octets += storageOctets + keySize + size
	}
	return c
}

// StorageThreshold is the threshold that a service would have with size octets under a key of keySize octets, under
// which there is nothing; if size is 0 nothing is added.
func (a *Accounts) StorageThreshold(p *protocol.Params, id protocol.ServiceID, keySize, size uint64) protocol.Balance {
	after := a.load(id).Account
	if size > 0 {
		after.Items++
		after.Octets += storageOctets + keySize + size
	}
	return after.Threshold(p)
}

// Affordable reports whether the service is there and its balance covers the threshold after the change.
func (c *StorageChange) Affordable(p *protocol.Params) bool {
	after := c.account.Account
	after.Items, after.Octets = c.items, c.octets
	return c.account.exists && after.Threshold(p) <= after.Balance
}

// Apply makes the change. The value, which must be of the size planned, is kept.
func (c *StorageChange) Apply(value []byte) {
	if len(value) == 0 {
		value = nil
	}
	if c.items != c.account.Items || c.octets != c.account.Octets {
		c.accounts.undo.saveAccount(c.account)
		c.account.Items, c.account.Octets, c.account.dirty = c.items, c.octets, true
	}
	if value != nil || c.Old != nil {
		c.accounts.set(c.account, c.key, value)
	}
}

// Request gives the slots of the request for a preimage, and whether there is one.
func (a *Accounts) Request(id protocol.ServiceID, hash protocol.Hash, length uint64) ([]protocol.Slot, bool) {
	if length > maxBlobLength {
		return nil, false
	}
	value := a.get(id, state.RequestKey(id, hash, uint32(length)))
	if value == nil {
		return nil, false
	}
	slots, err := state.DecodeRequest(value)
	return slots, err == nil
}

// SetRequest sets the slots of a request, which it makes if there is none, and keeps the footprint.
func (a *Accounts) SetRequest(id protocol.ServiceID, hash protocol.Hash, length uint32, slots []protocol.Slot) {
	key := state.RequestKey(id, hash, length)
	t := a.load(id)
	if a.get(id, key) == nil {
		a.undo.saveAccount(t)
		t.Items += requestItems
		t.Octets += requestOctets + uint64(length)
		t.dirty = true
	}
	a.set(t, key, state.AppendRequest(make([]byte, 0, maxRequestSize), slots))
}

// DeleteRequest removes a request, if there is one, and keeps the footprint.
func (a *Accounts) DeleteRequest(id protocol.ServiceID, hash protocol.Hash, length uint32) {
	key := state.RequestKey(id, hash, length)
	if a.get(id, key) == nil {
		return
	}
	t := a.load(id)
	a.undo.saveAccount(t)
	t.Items -= requestItems
	t.Octets -= requestOctets + uint64(length)
	t.dirty = true
	a.set(t, key, nil)
}

// RequestThreshold is the threshold that a service would have with one more request.
func (a *Accounts) RequestThreshold(p *protocol.Params, id protocol.ServiceID, length uint32) protocol.Balance {
	after := a.load(id).Account
	after.Items += requestItems
	after.Octets += requestOctets + uint64(length)
	return after.Threshold(p)
}

// Remove removes an account that has nothing but one request, and its preimage: so all that ejection can find.
func (a *Accounts) Remove(id protocol.ServiceID, hash protocol.Hash, length uint32) {
	a.DeleteRequest(id, hash, length)
	a.DeletePreimage(id, hash)
	t := a.load(id)
	a.undo.saveAccount(t)
	t.Account, t.exists, t.dirty = state.Account{}, false, true
}
