package guarantor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/roster"
)

// ErrNobody means that none of those on the core takes the package.
var ErrNobody = errors.New("guarantor: nobody on the core takes the package")

// Messages gives how a package is sent to a guarantor: with its extrinsics, and what it imports if that is in the bundle
// (CE 146), or without (CE 133).
func Messages(core protocol.Core, b *bundle.Bundle, roots []block.SegmentRootEntry) (jamnp.Kind, [][]byte) {
	var extrinsics []byte
	for _, list := range b.Extrinsics {
		for _, x := range list {
			extrinsics = append(extrinsics, x...)
		}
	}
	var segments jamnp.Segments
	var proofs jamnp.ImportProofs
	for i := range b.Imports {
		for j := range b.Imports[i] {
			if b.Imports[i][j] == nil {
				return jamnp.WorkPackage, [][]byte{
					jamnp.Encode(&jamnp.PackageSubmission{Core: core, Package: *b.Package}), extrinsics,
				}
			}
			segments, proofs = append(segments, b.Imports[i][j]), append(proofs, b.Proofs[i][j])
		}
	}
	if len(segments) == 0 {
		return jamnp.WorkPackage, [][]byte{jamnp.Encode(&jamnp.PackageSubmission{Core: core, Package: *b.Package}), extrinsics}
	}
	return jamnp.WorkBundle, [][]byte{
		jamnp.Encode(&jamnp.Sharing{Core: core, Mappings: roots}), jamnp.Encode(&jamnp.PackageAlone{Package: *b.Package}),
		extrinsics, jamnp.Encode(&segments), jamnp.Encode(&proofs),
	}
}

// Submit sends a package to those on its core, one after another in random order, until one takes it. It needs no guarantor:
// any node that is connected with validators can do so. The roster is that of now. Done is called on the loop.
func Submit(
	network jamnp.Network, random *rand.Rand, duties *roster.Roster, core protocol.Core, b *bundle.Bundle, roots []block.SegmentRootEntry,
	patience time.Duration, done func(taken jamnp.PeerID, err error),
) {
	rotation := duties.Now()
	group := rotation.Group(core)
	random.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	kind, messages := Messages(core, b, roots)
	why := error(nil)
	var try func()
	try = func() {
		if len(group) == 0 {
			done(jamnp.PeerID{}, errors.Join(ErrNobody, why))
			return
		}
		to := rotation.Keys[group[0]].Ed25519
		group = group[1:]
		network.Request(to, kind, messages, 0, patience, func(_ [][]byte, err error) {
			if err != nil {
				why = errors.Join(why, fmt.Errorf("%s: %w", to.PeerName(), err))
				try()
				return
			}
			done(to, nil)
		})
	}
	try()
}

// forward hands a package to those who are on its core now, because we are not any more.
func (g *Guarantor) forward(j *job) {
	duties, err := g.roster()
	if err != nil || !g.remove(j) {
		return
	}
	roots := j.roots
	if !j.whole {
		roots = nil
	}
	Submit(g.Network, g.Rand, duties, j.core, j.data, roots, g.patience(sendTime), func(_ jamnp.PeerID, err error) {
		if err == nil {
			g.Stage(j.hash, Dropped, ErrNotOurs)
			return
		}
		g.counts.Dropped++
		g.Stage(j.hash, Dropped, err)
	})
}
