// Package preimages integrates the data that services asked for. It is GP §12.4.
//
// [Check] says of the prior state whether a block may bring its preimages, and [Integrate] gives them to the
// services once accumulation is over. Between the two, accumulation may have dropped a request.
package preimages

import (
	"bytes"
	"cmp"
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state/service"
)

// Why a preimages extrinsic is refused, in the words of the conformance vectors.
const (
	ErrUnneeded = protocol.Invalid("preimages/preimage_unneeded")
	ErrOrder    = protocol.Invalid("preimages/preimages_not_sorted_unique")
)

// Provided is a preimage that its service waited for, with its hash.
type Provided struct {
	Service protocol.ServiceID
	Hash    protocol.Hash
	Blob    []byte // aliases the extrinsic
}

// Check requires E_P to be ordered without duplicates, and all of it to be requested and not yet provided in the
// prior state. GP eq:preimagesareordered. It only reads the accounts.
func Check(prior *service.Accounts, extrinsic []block.Preimage) ([]Provided, error) {
	for i := 1; i < len(extrinsic); i++ {
		if compare(&extrinsic[i-1], &extrinsic[i]) >= 0 {
			return nil, fmt.Errorf("preimage %d: %w", i, ErrOrder)
		}
	}
	list := make([]Provided, len(extrinsic))
	for i := range extrinsic {
		x := &extrinsic[i]
		hash := blake2b.Sum256(x.Blob)
		if !prior.Providable(x.Service, hash, uint64(len(x.Blob))) {
			return nil, fmt.Errorf("preimage %d for service %d: %w", i, x.Service, ErrUnneeded)
		}
		list[i] = Provided{x.Service, hash, x.Blob}
	}
	return list, nil
}

func compare(a, b *block.Preimage) int {
	if c := cmp.Compare(a.Service, b.Service); c != 0 {
		return c
	}
	return bytes.Compare(a.Blob, b.Blob)
}

// Integrate makes δ′ of δ‡: it provides the preimages that are still of use, and disregards the others. The
// accounts get copies, so that they do not hold on to the block.
func Integrate(accounts *service.Accounts, list []Provided, slot protocol.Slot) {
	for i := range list {
		x := &list[i]
		if accounts.Providable(x.Service, x.Hash, uint64(len(x.Blob))) {
			accounts.Provide(x.Service, x.Hash, bytes.Clone(x.Blob), slot)
		}
	}
}
