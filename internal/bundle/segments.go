package bundle

import (
	"fmt"

	"damson/internal/codec"
	"damson/internal/merkle"
	"damson/internal/protocol"
)

// ErrPage means that a segment does not hold the proofs of a page, or not those of the root.
const ErrPage = protocol.Invalid("bundle/bad_proof_page")

const (
	pageBits = 6
	// PageSegments is how many segments share a page of proofs.
	PageSegments = 1 << pageBits
)

// Pages is the number of pages of proofs for so many segments.
func Pages(segments int) int { return (segments + PageSegments - 1) / PageSegments }

// Segments are what a package exports, with the tree that commits to them.
type Segments struct {
	Exports [][]byte // 𝐬
	tree    *merkle.Pages
}

// NewSegments makes the tree of segments.
func NewSegments(exports [][]byte) *Segments {
	return &Segments{exports, merkle.NewPages(exports, merkle.Blake2b)}
}

// Root is the segment root: ℳ(𝐬).
func (s *Segments) Root() protocol.Hash { return s.tree.Root() }

// Proof is what an importer of a segment has to show: 𝒥₀.
func (s *Segments) Proof(index int) []protocol.Hash { return s.tree.Path(0, index) }

// ProofPages returns the segments with proofs that follow the exported ones: 𝑃 of GP eq:pagedproofs.
func (s *Segments) ProofPages(p *protocol.Params) [][]byte {
	pages := make([][]byte, Pages(len(s.Exports)))
	for i := range pages {
		page := make([]byte, 0, p.SegmentOctets())
		page = appendPath(page, s.tree.Path(pageBits, i))
		page = appendPath(page, s.tree.Leaves(pageBits, i))
		pages[i] = page[:p.SegmentOctets()]
	}
	return pages
}

// Page is a page of proofs, as an importer gets it back from shards.
type Page struct {
	number int
	path   []protocol.Hash // from the root to the page
	leaves []protocol.Hash // the hashes of its segments
}

// DecodePage reads the page of proofs with a number, and checks that it belongs to a segment root.
func DecodePage(segment []byte, number int, root protocol.Hash, p *protocol.Params) (*Page, error) {
	d := codec.NewDecoder(segment)
	d.Field("page.path")
	page := &Page{number: number, path: decodePath(&d, max(0, maxDepth(p)-pageBits))}
	d.Field("page.leaves")
	page.leaves = decodePath(&d, PageSegments)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPage, err)
	}
	got, ok := merkle.RootFromPage(page.leaves, pageBits, number, page.path, merkle.Blake2b)
	if !ok || got != root {
		return nil, ErrPage
	}
	return page, nil
}

// Prove returns the proof of the segment with an index, which must stand on the page, or ErrImport if the page has another
// segment there.
func (g *Page) Prove(segment []byte, index int) ([]protocol.Hash, error) {
	at := index - g.number*PageSegments
	if at < 0 || at >= len(g.leaves) || merkle.Leaf(segment, merkle.Blake2b) != g.leaves[at] {
		return nil, ErrImport
	}
	return merkle.PathThroughPage(g.leaves, pageBits, g.path, at, merkle.Blake2b), nil
}
