package pool

import (
	"bytes"
	"cmp"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	rules "damson/state/preimages"
	"damson/state/service"
)

// maxBlockPreimages bounds the octets of preimages that we put into a block; one may be larger. The paper has no bound.
const maxBlockPreimages = 4 << 20

type preimageKey struct {
	service protocol.ServiceID
	hash    protocol.Hash
}

type preimage struct {
	preimageKey
	blob []byte
}

// preimages are data that services wait for.
type preimages struct {
	byKey map[preimageKey]*preimage
	bytes int
}

// prune forgets what no service waits for any more.
func (x *preimages) prune(s *state.State) {
	if len(x.byKey) == 0 {
		return
	}
	accounts := service.New(s)
	for key, kept := range x.byKey {
		if !accounts.Providable(key.service, key.hash, uint64(len(kept.blob))) {
			x.drop(key)
		}
	}
}

func (x *preimages) drop(key preimageKey) {
	if kept := x.byKey[key]; kept != nil {
		x.bytes -= len(kept.blob)
		delete(x.byKey, key)
	}
}

// AddPreimage takes in data that a service waits for. Done may be nil. The octets must not be changed any more.
func (p *Pool) AddPreimage(service protocol.ServiceID, blob []byte, done func(error)) {
	done = tell(done)
	kept := &preimage{blob: blob}
	best := p.opts.Chain.Best().State
	p.check(func() error {
		kept.preimageKey = preimageKey{service, blake2b.Sum256(blob)}
		return providable(best, kept)
	}, func(err error) {
		if err == nil {
			err = p.keepPreimage(kept)
		}
		done(err)
	})
}

// providable says whether a service waits for data. GP §12.4.
func providable(s *state.State, x *preimage) error {
	if !service.New(s).Providable(x.service, x.hash, uint64(len(x.blob))) {
		return rules.ErrUnneeded
	}
	return s.Err()
}

func (p *Pool) keepPreimage(x *preimage) error {
	switch {
	case p.preimages.byKey[x.preimageKey] != nil:
		return ErrKnown
	case len(p.preimages.byKey) >= maxPreimages || p.preimages.bytes+len(x.blob) > maxPreimageBytes:
		return ErrFull
	}
	p.preimages.byKey[x.preimageKey] = x
	p.preimages.bytes += len(x.blob)
	return nil
}

// Preimage gives data that a service waits for by its hash; nil if it is not here.
func (p *Pool) Preimage(hash protocol.Hash) []byte {
	for key, kept := range p.preimages.byKey { // whichever it is, the data is the same
		if key.hash == hash {
			return kept.blob
		}
	}
	return nil
}

// list gives all preimages in the order of a block. GP eq:preimagesareordered.
func (x *preimages) list() []*preimage {
	list := make([]*preimage, 0, len(x.byKey))
	for _, kept := range x.byKey {
		list = append(list, kept)
	}
	slices.SortFunc(list, func(a, b *preimage) int {
		return cmp.Or(cmp.Compare(a.service, b.service), bytes.Compare(a.blob, b.blob))
	})
	return list
}

// selectPreimages gives E_P.
func selectPreimages(prior *state.State, candidates []*preimage) ([]block.Preimage, error) {
	var list []block.Preimage
	accounts, size := service.New(prior), 0
	for _, x := range candidates {
		if len(list) > 0 && size+len(x.blob) > maxBlockPreimages {
			continue
		}
		if accounts.Providable(x.service, x.hash, uint64(len(x.blob))) {
			list = append(list, block.Preimage{Service: x.service, Blob: x.blob})
			size += len(x.blob)
		}
	}
	return list, prior.Err()
}
