// Package bundle has the data that goes with a work package: what auditors need to do its work again, and the segments
// that it exports, both in shards for every validator. GP §14.
//
// bundle.go is the auditable bundle, limits.go what a package may ask for, reader.go reads a package from a peer no further
// than it must. segments.go has the proofs of exported segments, availability.go the availability specification with
// all shards, shard.go how a shard is checked against the root that a report has. All of it is pure: bytes in, bytes out.
package bundle

import (
	"bytes"
	"fmt"
	"slices"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/merkle"
	"damson/internal/protocol"
)

// Why the data that comes with a package is refused.
const (
	ErrShape       = protocol.Invalid("bundle/not_the_data_that_the_package_refers_to")
	ErrExtrinsic   = protocol.Invalid("bundle/bad_extrinsic")
	ErrImport      = protocol.Invalid("bundle/bad_import")
	ErrSegmentRoot = protocol.Invalid("bundle/unknown_segment_root")
)

// Bundle is a package with all that its refinement needs: what auditors are given. GP §14.4.
type Bundle struct {
	Package    *block.WorkPackage
	Extrinsics [][][]byte          // 𝑋: for each item, the data that it refers to
	Imports    [][][]byte          // 𝑆: for each item, the segments that it imports
	Proofs     [][][]protocol.Hash // 𝐽: for each of those, the way from its segment root, from top to bottom
}

// New returns a bundle for a package, with room for its data.
func New(w *block.WorkPackage) *Bundle {
	b := &Bundle{
		Package:    w,
		Extrinsics: make([][][]byte, len(w.Items)),
		Imports:    make([][][]byte, len(w.Items)),
		Proofs:     make([][][]protocol.Hash, len(w.Items)),
	}
	for i := range w.Items {
		b.Extrinsics[i] = make([][]byte, len(w.Items[i].Extrinsics))
		b.Imports[i] = make([][]byte, len(w.Items[i].Imports))
		b.Proofs[i] = make([][]protocol.Hash, len(w.Items[i].Imports))
	}
	return b
}

// AppendTo appends the bundle. Only proofs say how long they are; of all else the package does.
func (b *Bundle) AppendTo(buf []byte) []byte {
	buf = b.Package.AppendTo(buf)
	for _, lists := range [][][][]byte{b.Extrinsics, b.Imports} {
		for _, list := range lists {
			for _, data := range list {
				buf = append(buf, data...)
			}
		}
	}
	for _, list := range b.Proofs {
		for _, path := range list {
			buf = appendPath(buf, path)
		}
	}
	return buf
}

func appendPath(b []byte, path []protocol.Hash) []byte {
	b = codec.AppendCount(b, len(path))
	for i := range path {
		b = append(b, path[i][:]...)
	}
	return b
}

// Size is the length of the encoding.
func (b *Bundle) Size() int {
	size := len(b.Package.AppendTo(nil))
	for i := range b.Extrinsics {
		for _, data := range b.Extrinsics[i] {
			size += len(data)
		}
		for j, data := range b.Imports[i] {
			size += len(data) + codec.NaturalSize(uint64(len(b.Proofs[i][j]))) + len(protocol.Hash{})*len(b.Proofs[i][j])
		}
	}
	return size
}

// Decode reads a bundle that fills octets, within the limits of a package. It aliases octets. What the data is, only
// Verify tells.
func Decode(octets []byte, p *protocol.Params) (*Bundle, error) {
	d := codec.NewDecoder(octets)
	w := new(block.WorkPackage)
	w.DecodeFrom(&d, p)
	if err := d.Err(); err != nil {
		return nil, err
	}
	if err := Check(w, p); err != nil {
		return nil, err
	}
	b := New(w)
	d.Field("bundle.extrinsics")
	for i, list := range b.Extrinsics {
		for j := range list {
			list[j] = d.Bytes(int(w.Items[i].Extrinsics[j].Length))
		}
	}
	d.Field("bundle.imports")
	for _, list := range b.Imports {
		for j := range list {
			list[j] = d.Bytes(p.SegmentOctets())
		}
	}
	d.Field("bundle.proofs")
	for _, list := range b.Proofs {
		for j := range list {
			list[j] = decodePath(&d, maxDepth(p))
		}
	}
	return b, d.Finish()
}

func decodePath(d *codec.Decoder, limit int) []protocol.Hash {
	path := make([]protocol.Hash, d.Count(limit, len(protocol.Hash{})))
	for i := range path {
		path[i] = d.Hash()
	}
	return path
}

// Verify checks the data against what the package commits to, with roots that tell the segment root of each package that
// is imported from by its hash: 𝑙 of GP eq:workdigestfunction.
func (b *Bundle) Verify(roots []block.SegmentRootEntry) error {
	items := b.Package.Items
	if len(b.Extrinsics) != len(items) || len(b.Imports) != len(items) || len(b.Proofs) != len(items) {
		return ErrShape
	}
	for i := range items {
		item := &items[i]
		if len(b.Extrinsics[i]) != len(item.Extrinsics) || len(b.Imports[i]) != len(item.Imports) || len(b.Proofs[i]) != len(item.Imports) {
			return fmt.Errorf("item %d: %w", i, ErrShape)
		}
		hashes := make([][32]byte, len(item.Extrinsics))
		blake2b.SumEach(hashes, b.Extrinsics[i])
		for j, x := range item.Extrinsics {
			if hashes[j] != x.Hash || uint64(len(b.Extrinsics[i][j])) != uint64(x.Length) {
				return fmt.Errorf("item %d: extrinsic %d: %w", i, j, ErrExtrinsic)
			}
		}
		for j, leaf := range merkle.Leaves(b.Imports[i], merkle.Blake2b) {
			root, err := SegmentRoot(&item.Imports[j], roots)
			if err != nil {
				return fmt.Errorf("item %d: import %d: %w", i, j, err)
			}
			got, ok := merkle.RootFromPage([]protocol.Hash{leaf}, 0, int(item.Imports[j].Index), b.Proofs[i][j], merkle.Blake2b)
			if !ok || got != root {
				return fmt.Errorf("item %d: import %d: %w", i, j, ErrImport)
			}
		}
	}
	return nil
}

func sameHash(data []byte, hash protocol.Hash) bool { return blake2b.Sum256(data) == hash }

// SegmentRoot gives the root that an import names, by itself or by a package: 𝐿 of GP §14.4.
func SegmentRoot(r *block.Import, roots []block.SegmentRootEntry) (protocol.Hash, error) {
	if !r.ByPackage {
		return r.Root, nil
	}
	for i := range roots {
		if roots[i].Package == r.Root {
			return roots[i].Root, nil
		}
	}
	return protocol.Hash{}, ErrSegmentRoot
}

// ImportedPackages are the packages that a package imports from by their hashes, each once and in order: the keys of 𝑙 of
// GP eq:workdigestfunction.
func ImportedPackages(w *block.WorkPackage) []protocol.Hash {
	var out []protocol.Hash
	for i := range w.Items {
		for j := range w.Items[i].Imports {
			if r := &w.Items[i].Imports[j]; r.ByPackage {
				out = append(out, r.Root)
			}
		}
	}
	slices.SortFunc(out, func(a, b protocol.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(out)
}
