// Package vector has service accounts as the official vectors of accumulation and preimages give them: GP §9 in the order of
// their schemas, made into entries of the state.
package vector

import (
	"maps"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/service"
)

// Entries are δ by its keys.
type Entries map[protocol.StateKey][]byte

// Get gives the value of a key.
func (e Entries) Get(key protocol.StateKey) ([]byte, bool) {
	value, ok := e[key]
	return value, ok
}

// After gives the entries with the changes made.
func (e Entries) After(a *service.Accounts) Entries {
	post := maps.Clone(e)
	for key, value := range a.Changes() {
		if value == nil {
			delete(post, key)
		} else {
			post[key] = value
		}
	}
	return post
}

// What an account's footprint counts for a request, besides the length of what is requested. GP eq:deposits.
const (
	requestItems  = 2
	requestOctets = 81
)

// The most that a list of a vector may have.
const (
	maxList  = 1 << 16
	maxSlots = 3
)

// DecodePreimageAccounts reads the accounts of preimages.asn, which have nothing but preimages and requests: their
// footprint follows from these.
func DecodePreimageAccounts(d *codec.Decoder) Entries {
	e := make(Entries)
	for range d.Count(maxList, 6) {
		id := protocol.ServiceID(d.U32())
		var account state.Account
		account.Items, account.Octets = e.decodePreimages(d, id)
		e[state.AccountKey(id)] = account.AppendTo(nil)
	}
	return e
}

// DecodeAccounts reads the accounts of accumulate.asn.
func DecodeAccounts(d *codec.Decoder) Entries {
	e := make(Entries)
	for range d.Count(maxList, 4+state.AccountSize) {
		id := protocol.ServiceID(d.U32())
		var account state.Account
		account.DecodeFrom(d)
		e[state.AccountKey(id)] = account.AppendTo(nil)
		for range d.Count(maxList, 2) {
			key := d.Blob()
			e[state.StorageKey(id, key)] = d.Blob()
		}
		e.decodePreimages(d, id)
	}
	return e
}

// decodePreimages reads the preimages and requests of an account, and gives the footprint of the latter.
func (e Entries) decodePreimages(d *codec.Decoder, id protocol.ServiceID) (items uint32, octets uint64) {
	for range d.Count(maxList, 33) {
		hash := d.Hash()
		e[state.PreimageKey(id, hash)] = d.Blob()
	}
	for range d.Count(maxList, 37) {
		hash, length := d.Hash(), d.U32()
		slots := make([]protocol.Slot, d.Count(maxSlots, 4))
		for i := range slots {
			slots[i] = protocol.Slot(d.U32())
		}
		e[state.RequestKey(id, hash, length)] = state.AppendRequest(nil, slots)
		items += requestItems
		octets += requestOctets + uint64(length)
	}
	return items, octets
}
