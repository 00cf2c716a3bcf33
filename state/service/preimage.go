package service

import (
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
)

// Preimage gives the preimage of a hash that a service has, nil if it has none.
func (a *Accounts) Preimage(id protocol.ServiceID, hash protocol.Hash) []byte {
	return a.get(id, state.PreimageKey(id, hash))
}

// SetPreimage gives a preimage to a service. The blob is kept.
func (a *Accounts) SetPreimage(id protocol.ServiceID, hash protocol.Hash, blob []byte) {
	if blob == nil {
		blob = []byte{}
	}
	a.set(a.load(id), state.PreimageKey(id, hash), blob)
}

// DeletePreimage removes a preimage, if there is one.
func (a *Accounts) DeletePreimage(id protocol.ServiceID, hash protocol.Hash) {
	key := state.PreimageKey(id, hash)
	if a.get(id, key) != nil {
		a.set(a.load(id), key, nil)
	}
}

// Code gives the code of a service, without its metadata: c of GP §9.1. It is a view of the preimage. It
// reports false where there is no service, no preimage, or no proper encoding in it.
func (a *Accounts) Code(id protocol.ServiceID) (code []byte, hash protocol.Hash, ok bool) {
	account := a.Account(id)
	if account == nil {
		return nil, hash, false
	}
	_, code, ok = SplitCode(a.Preimage(id, account.CodeHash))
	return code, account.CodeHash, ok
}

// SplitCode takes the preimage of a code hash apart: ↕m ⌢ c. GP §9.1.
func SplitCode(blob []byte) (metadata, code []byte, ok bool) {
	d := codec.NewDecoder(blob)
	metadata = d.Blob()
	if d.Err() != nil {
		return nil, nil, false
	}
	return metadata, d.Rest(), true
}

// Lookup is Λ: the preimage that a service had available at a slot, nil if it had none. GP eq:historicallookup.
func (a *Accounts) Lookup(id protocol.ServiceID, slot protocol.Slot, hash protocol.Hash) []byte {
	if !a.Exists(id) {
		return nil
	}
	blob := a.Preimage(id, hash)
	if blob == nil {
		return nil
	}
	slots, ok := a.Request(id, hash, uint64(len(blob)))
	if !ok || !available(slots, slot) {
		return nil
	}
	return blob
}

// available is I of GP eq:historicallookup.
func available(l []protocol.Slot, t protocol.Slot) bool {
	switch len(l) {
	case 1:
		return l[0] <= t
	case 2:
		return l[0] <= t && t < l[1]
	case 3:
		return l[0] <= t && t < l[1] || l[2] <= t
	}
	return false
}

// Providable is Y: whether a service waits for this preimage. GP §12.2.
func (a *Accounts) Providable(id protocol.ServiceID, hash protocol.Hash, length uint64) bool {
	if !a.Exists(id) {
		return false
	}
	slots, ok := a.Request(id, hash, length)
	return ok && len(slots) == 0
}

// Provide integrates a preimage if the service waits for it, as I of GP §12.2 does for each of its pairs. The
// blob is kept.
func (a *Accounts) Provide(id protocol.ServiceID, hash protocol.Hash, blob []byte, slot protocol.Slot) bool {
	if !a.Providable(id, hash, uint64(len(blob))) {
		return false
	}
	a.SetRequest(id, hash, uint32(len(blob)), []protocol.Slot{slot})
	a.SetPreimage(id, hash, blob)
	return true
}
