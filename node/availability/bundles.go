package availability

import (
	"fmt"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/erasure"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability/shelf"
)

// ErrBundle means that a bundle is not the one of the report.
const ErrBundle = protocol.Invalid("availability/bad_bundle")

// Bundle gets the bundle of a report in a recent block, for an auditor: from who guaranteed it, or from shards. What it gives
// belongs to the package of the report, with all data that the package commits to. An error that is a protocol.Invalid means
// that no such bundle was encoded. JAMNP-S, CE 147, 138.
func (k *Keeper) Bundle(r *block.Report, done func(*bundle.Bundle, error)) {
	k.Loop.Go("", func() func() {
		known, holders, err := k.find(r.Package.ErasureRoot, false)
		return func() {
			if err != nil {
				done(nil, err)
				return
			}
			b := &audit{k: k, r: r, report: known, holders: holders, ask: known.Guarantors, done: done}
			b.fromGuarantors()
		}
	})
}

// audit is a bundle that is being got.
type audit struct {
	k       *Keeper
	r       *block.Report
	report  *shelf.Report
	holders []protocol.Ed25519Key
	ask     []protocol.Ed25519Key
	done    func(*bundle.Bundle, error)
}

// fromGuarantors asks the next guarantor for the whole bundle: CE 147.
func (a *audit) fromGuarantors() {
	k := a.k
	switch {
	case k.stopped:
		a.done(nil, errStopped)
		return
	case len(a.ask) == 0:
		a.fromShards()
		return
	}
	from := a.ask[0]
	a.ask = a.ask[1:]
	if from == k.Key.Public {
		a.local()
		return
	}
	request := jamnp.HashRequest{Hash: a.r.Package.ErasureRoot}
	k.Network.Request(from, jamnp.BundleRequest, [][]byte{jamnp.Encode(&request)}, int(a.r.Package.BundleLength), k.patience(),
		func(answer [][]byte, err error) {
			if err != nil {
				a.fromGuarantors()
				return
			}
			k.Loop.Go("", func() func() {
				b, err := a.check(answer)
				return func() {
					if err != nil {
						k.blame(from, blameData, err)
						a.fromGuarantors()
						return
					}
					k.counts.Bundles++
					a.done(b, nil)
				}
			})
		})
}

// local takes the bundle from the shelf.
func (a *audit) local() {
	a.k.Loop.Go("", func() func() {
		_, octets, _, err := a.k.Shelf.Package(a.r.Package.ErasureRoot)
		var b *bundle.Bundle
		if err == nil {
			b, err = a.check([][]byte{octets})
		}
		return func() {
			if err != nil {
				a.fromGuarantors()
				return
			}
			a.done(b, nil)
		}
	})
}

// check reads a bundle, and holds it against the report. It runs beside the loop.
func (a *audit) check(answer [][]byte) (*bundle.Bundle, error) {
	if len(answer) != 1 || len(answer[0]) != int(a.r.Package.BundleLength) {
		return nil, ErrBundle
	}
	b, err := bundle.Decode(answer[0], a.k.Params)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if b.Package.Hash() != a.r.Package.Hash {
		return nil, fmt.Errorf("another package: %w", ErrBundle)
	}
	if err := b.Verify(a.r.SegmentRoot); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	return b, nil
}

// fromShards gets the bundle out of shards, each with its proof: CE 138.
func (a *audit) fromShards() {
	k, root := a.k, a.r.Package.ErasureRoot
	size := k.sizes(a.report)
	c := &collection{
		k: k, report: a.report, kind: jamnp.AuditShardRequest, limit: size.bundle + jamnp.JustificationLimit(k.Params),
		request: func(index int) []byte {
			return jamnp.Encode(&jamnp.ShardRequest{ErasureRoot: root, Shard: uint16(index)})
		},
		check: func(index int, answer [][]byte) ([]byte, error) {
			if len(answer) != 2 || len(answer[0]) != size.bundle {
				return nil, ErrShards
			}
			var justification jamnp.Justification
			if err := justification.Decode(answer[1], k.Params); err != nil {
				return nil, err
			}
			if !bundle.VerifyBundleShard(root, index, k.Params.Validators, answer[0], justification.Trace()) {
				return nil, ErrShards
			}
			return answer[0], nil
		},
		local: func(index int) ([]byte, error) {
			shards, err := k.Shelf.Shards(root, index)
			if err == nil && shards.Bundle == nil {
				err = errNotKept
			}
			if err != nil {
				return nil, err
			}
			return shards.Bundle, nil
		},
	}
	c.done = func(shards []erasure.Shard, err error) {
		if err != nil {
			a.done(nil, err)
			return
		}
		k.Loop.Go("", func() func() {
			octets, err := k.Coder.RecoverBundle(shards, int(a.r.Package.BundleLength))
			var b *bundle.Bundle
			if err == nil {
				b, err = a.check([][]byte{octets})
			}
			return func() {
				if err == nil {
					k.counts.Bundles++
				}
				a.done(b, err)
			}
		})
	}
	c.begin(a.holders)
}
