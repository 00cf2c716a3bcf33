package load

import (
	"encoding/binary"
	"errors"
	"fmt"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/node/builder"
	"damson/state"
)

// ErrBooks means that the services' storage is not what it should be after the packages that were accumulated.
var ErrBooks = errors.New("load: the books do not balance")

// stored gives what a service has under a key after the best block.
func (l *Load) stored(id protocol.ServiceID, key []byte) []byte {
	value, _ := l.Builder.Node.Chain.Best().State.Get(state.StorageKey(id, key))
	return value
}

// check demands that the token's money is all there, that each payment was made or refused, and that as many segments were handed on
// as the packages say. It gives how many segments the relay has seen.
func (l *Load) check() (exported, imported uint64, err error) {
	books, ok := services.DecodeBooks(l.stored(services.TokenID, []byte(services.BooksKey)))
	if !ok {
		return 0, 0, fmt.Errorf("%w: there are none", ErrBooks)
	}
	var sum uint64
	for i := range l.Accounts {
		if b := l.stored(services.TokenID, services.AccountKey(uint32(i))); len(b) == 8 {
			sum += binary.LittleEndian.Uint64(b)
		}
	}
	pays, legs, hands := l.expected()
	if sum != books.Supply {
		err = fmt.Errorf("%w: accounts have %d, of %d", ErrBooks, sum, books.Supply)
	}
	if entries := books.Paid + books.Refused - l.base.Paid - l.base.Refused; entries != pays {
		err = errors.Join(err, fmt.Errorf("%w: %d payments are in the books, %d were accumulated", ErrBooks, entries, pays))
	}
	for _, c := range l.cores {
		for _, x := range c.lanes {
			relayed, ok := services.DecodeRelayed(l.stored(services.RelayID, services.RelayKey(x.tag)))
			if !ok {
				return 0, 0, fmt.Errorf("%w: the relay", ErrBooks)
			}
			exported, imported = exported+relayed.Exports-x.base.Exports, imported+relayed.Imports-x.base.Imports
		}
	}
	if exported != legs || imported != hands {
		err = errors.Join(err, fmt.Errorf("%w: the relay has exported %d and imported %d segments, the packages %d and %d", ErrBooks,
			exported, imported, legs, hands))
	}
	return exported, imported, err
}

// expected counts what was accumulated.
func (l *Load) expected() (pays, exports, imports uint64) {
	for _, r := range l.runs {
		if !r.Has(builder.Accumulated) {
			continue
		}
		if r.well(services.TokenID) {
			pays += uint64(r.pays)
		}
		if r.lane != nil && r.well(services.RelayID) {
			exports, imports = exports+uint64(l.Segments), imports+uint64(r.imports)
		}
	}
	return pays, exports, imports
}

// well says whether the items of a package for a service were refined without an error.
func (r *run) well(id protocol.ServiceID) bool {
	if r.Report == nil {
		return false
	}
	for i := range r.Report.Digests {
		if d := &r.Report.Digests[i]; d.Service == id && d.Result.Outcome != block.OutcomeOK {
			return false
		}
	}
	return true
}
