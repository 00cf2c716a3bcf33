package bundle

import (
	"runtime"
	"sync"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/erasure"
	"damson/internal/merkle"
	"damson/internal/protocol"
)

// Coder makes availability specifications and their shards, and recovers data. It is safe for concurrent use.
type Coder struct {
	params *protocol.Params
	code   *erasure.Coder
}

// NewCoder returns the coder of a chain.
func NewCoder(p *protocol.Params) (*Coder, error) {
	code, err := erasure.New(p.RecoveryThreshold(), p.Validators)
	return &Coder{p, code}, err
}

// Available is the data of a package in shards, as guarantors hand them out.
type Available struct {
	Spec     block.PackageSpec
	Segments *Segments

	bundle   [][]byte             // 𝒞(𝐛): the bundle's shards
	segments [][]byte             // 𝒞₆(𝐬 ⌢ 𝑃(𝐬)): for each shard index those of all segments, one after another
	part     int                  // octets of the shard of a segment
	tree     *merkle.Tree[[]byte] // over what the erasure root commits to
}

// leaf is the hash of a bundle's shard and the root of the segments' shards.
type leaf [2 * len(protocol.Hash{})]byte

// Specify is 𝐴 of GP §14.4.1: it makes the availability specification of a package from the octets of its bundle and the
// segments that it exports, which are all of the right length. The result aliases the octets.
func (c *Coder) Specify(packageHash protocol.Hash, octets []byte, exports [][]byte) (*Available, error) {
	segments := NewSegments(exports)
	a := &Available{
		Segments: segments,
		bundle:   c.code.Encode(octets),
		part:     c.code.ShardSize(c.params.SegmentOctets()),
	}
	all := append(exports[:len(exports):len(exports)], segments.ProofPages(c.params)...)
	var err error
	if a.segments, err = c.code.EncodeSegments(all); err != nil {
		return nil, err
	}
	a.hashShards()
	a.Spec = block.PackageSpec{
		Hash: packageHash, BundleLength: uint32(len(octets)), ErasureRoot: a.tree.Root(),
		ExportsRoot: segments.Root(), ExportsCount: uint16(len(exports)),
	}
	return a, nil
}

// hashShards computes what the erasure root commits to: millions of hashes where a package exports as much as it may, so all
// processors share in it.
func (a *Available) hashShards() {
	leaves := make([][]byte, len(a.bundle))
	each := (len(leaves) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for first := 0; first < len(leaves); first += each {
		end := min(first+each, len(leaves))
		wg.Go(func() {
			hashes := make([][32]byte, end-first)
			blake2b.SumEach(hashes, a.bundle[first:end])
			for i := range hashes {
				l := newLeaf(hashes[i], segmentsRoot(cut(a.segments[first+i], a.part)))
				leaves[first+i] = l[:]
			}
		})
	}
	wg.Wait()
	a.tree = merkle.NewTree(leaves, merkle.Blake2b)
}

func newLeaf(bundle, segments protocol.Hash) (l leaf) {
	copy(l[:], bundle[:])
	copy(l[len(bundle):], segments[:])
	return l
}

// segmentsRoot is what 𝐬♣ has for a shard index.
func segmentsRoot(shards [][]byte) protocol.Hash { return merkle.Root(shards, merkle.Blake2b) }

// cut divides octets in parts.
func cut(octets []byte, part int) [][]byte {
	parts := make([][]byte, 0, len(octets)/part)
	for ; len(octets) >= part; octets = octets[part:] {
		parts = append(parts, octets[:part:part])
	}
	return parts
}

// Octets is how long all shards are together.
func (a *Available) Octets() int { return len(a.bundle) * (len(a.bundle[0]) + len(a.segments[0])) }

// Shards gives what the validator with a shard index is to keep: the shard of the bundle, those of all segments and proof
// pages, and the justification of both. JAMNP-S, CE 137.
func (a *Available) Shards(index int) *Shards {
	return &Shards{
		Index: index, Bundle: a.bundle[index], Segments: cut(a.segments[index], a.part),
		Justification: a.tree.Trace(index),
	}
}

// RecoverBundle gives back the octets of a bundle from its shards. Whether they are what was encoded, only the hash of
// the package and Specify tell.
func (c *Coder) RecoverBundle(shards []erasure.Shard, length int) ([]byte, error) {
	return c.code.Recover(shards, length)
}

// RecoverSegments gives back count segments from shards, each of which is the concatenation of those of all of them.
func (c *Coder) RecoverSegments(shards []erasure.Shard, count int) ([][]byte, error) {
	return c.code.RecoverSegments(shards, count, c.params.SegmentOctets())
}
