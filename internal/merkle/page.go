package merkle

import (
	"math/bits"

	"damson/internal/protocol"
)

// ConstantDepthRoot returns the root of the constant-depth tree over items: M, GP eq:constantdepthmerkleroot.
func ConstantDepthRoot[Item ~[]byte](items []Item, hash Hash) protocol.Hash {
	return NewPages(items, hash).Root()
}

// Pages is a constant-depth tree, from which the root and all pages can be had.
type Pages struct {
	levels [][]protocol.Hash // levels[0] is C(v), the last one is the root alone
	count  int               // items
}

// NewPages hashes the constant-depth tree over items.
func NewPages[Item ~[]byte](items []Item, hash Hash) *Pages {
	q := queue{hash: hash}
	size := powerOfTwo(len(items))
	// C of GP §E.1.2: zero hashes up to a power of two.
	leaves := leaves(items, size, &q)[:size]
	return &Pages{levels: climb(leaves, &q), count: len(items)}
}

// leaves returns the leaves of items, with room for size of them.
func leaves[Item ~[]byte](items []Item, size int, q *queue) []protocol.Hash {
	q.take(size)
	for _, item := range items {
		q.add(leafPrefix, item, nil)
	}
	return q.take(size / 2)
}

// climb returns the levels of the perfect tree over leaves, which come first.
func climb(leaves []protocol.Hash, q *queue) [][]protocol.Hash {
	levels := [][]protocol.Hash{leaves}
	for level := leaves; len(level) > 1; {
		for i := 0; i < len(level); i += 2 {
			q.add(nodePrefix, level[i][:], level[i+1][:])
		}
		level = q.take(len(level) / 4)
		levels = append(levels, level)
	}
	return levels
}

// Root returns the root: M.
func (p *Pages) Root() protocol.Hash { return p.levels[len(p.levels)-1][0] }

// Path returns the way from the root to a page of 2^pageBits leaves, from top to bottom: 𝒥 of
// GP eq:constantdepthsubtreemerklejust. With pageBits 0 a page is a single item. A page out of range gives nil.
func (p *Pages) Path(pageBits, page int) []protocol.Hash {
	if !pageExists(p.count, pageBits, page) {
		return nil
	}
	var path []protocol.Hash
	for level := len(p.levels) - 2; level >= pageBits; level-- {
		path = append(path, p.levels[level][page>>(level-pageBits)^1])
	}
	return path
}

// Leaves returns the hashed leaves of a page of 2^pageBits items: ℒ of GP eq:constantdepthsubtreemerkleleafpage. A
// page out of range gives nil. The result aliases the tree.
func (p *Pages) Leaves(pageBits, page int) []protocol.Hash {
	if !pageExists(p.count, pageBits, page) {
		return nil
	}
	first := page << pageBits
	end := min(first+1<<pageBits, p.count)
	return p.levels[0][first:end:end]
}

// Leaf returns the leaf of item, as it stands in a constant-depth tree.
func Leaf(item []byte, hash Hash) protocol.Hash {
	return hash.join(leafPrefix, item, nil)
}

// Leaves returns [Leaf] of each item.
func Leaves[Item ~[]byte](items []Item, hash Hash) []protocol.Hash {
	return leaves(items, len(items), &queue{hash: hash})
}

// PathThroughPage returns the way from the root to the item at index of a page, given the page's leaves and the way to the
// page: what [Pages.Path] says of single items. It trusts both, and gives nil where a page has no such item.
func PathThroughPage(leaves []protocol.Hash, pageBits int, path []protocol.Hash, index int, hash Hash) []protocol.Hash {
	if pageBits < 0 || pageBits > maxPageBits || index < 0 || index >= len(leaves) || len(leaves) > 1<<pageBits {
		return nil
	}
	levels := pageLevels(leaves, pageBits, path, hash)
	out := append(make([]protocol.Hash, 0, len(path)+len(levels)-1), path...)
	for level := len(levels) - 2; level >= 0; level-- {
		out = append(out, levels[level][index>>level^1])
	}
	return out
}

// pageLevels returns the levels of the tree of a page, which is the whole tree if there is no path.
func pageLevels(leaves []protocol.Hash, pageBits int, path []protocol.Hash, hash Hash) [][]protocol.Hash {
	size := 1 << pageBits
	if len(path) == 0 {
		size = powerOfTwo(len(leaves))
	}
	below := make([]protocol.Hash, size)
	copy(below, leaves)
	return climb(below, &queue{hash: hash})
}

// RootFromPage returns the root of the constant-depth tree in which the page of 2^pageBits items with these leaves lies
// at the end of path. It reports false where no tree has such a page. A page with a path may be shorter than
// 2^pageBits if it is the last one, hence nobody learns the number of items from it. Whoever trusts the proof compares
// the root with one that he trusts.
func RootFromPage(leaves []protocol.Hash, pageBits, page int, path []protocol.Hash, hash Hash) (protocol.Hash, bool) {
	if pageBits < 0 || pageBits > maxPageBits || len(path) > maxDepth || page < 0 || page>>len(path) != 0 ||
		len(leaves) == 0 || len(leaves) > 1<<pageBits {
		return protocol.Hash{}, false
	}
	levels := pageLevels(leaves, pageBits, path, hash)
	root := levels[len(levels)-1][0]
	for i := len(path) - 1; i >= 0; i-- {
		if page&1 == 0 {
			root = hash.join(nodePrefix, root[:], path[i][:])
		} else {
			root = hash.join(nodePrefix, path[i][:], root[:])
		}
		page >>= 1
	}
	return root, true
}

// What a proof may make us compute and allocate; no tree of ours comes near it.
const (
	maxDepth    = 32
	maxPageBits = 16
)

func pageExists(count, pageBits, page int) bool {
	// The paper lets an index pass that has no items and no use; of an empty sequence there is no page.
	return pageBits >= 0 && pageBits <= maxPageBits && page >= 0 && page <= (count-1)>>pageBits && count > 0
}

// powerOfTwo returns the least one that is not below n.
func powerOfTwo(n int) int {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(n-1))
}
