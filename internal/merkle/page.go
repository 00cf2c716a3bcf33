package merkle

import (
	"math/bits"

	"damson/internal/protocol"
)

// ConstantDepthRoot returns the root of the constant-depth tree over items: M, GP eq:constantdepthmerkleroot.
func ConstantDepthRoot[Item ~[]byte](items []Item, hash Hash) protocol.Hash {
	h := newHasher(hash)
	return nodeOfHashes(constant(items, &h), &h)
}

// PagePath returns the way from the root to a page of 2^pageBits leaves, from top to bottom: 𝒥 of
// GP eq:constantdepthsubtreemerklejust. With pageBits 0 a page is a single item. A page out of range gives nil.
func PagePath[Item ~[]byte](items []Item, pageBits, page int, hash Hash) []protocol.Hash {
	if !pageExists(len(items), pageBits, page) {
		return nil
	}
	h := newHasher(hash)
	return pagePath(constant(items, &h), pageBits, page, &h)
}

// PageLeaves returns the hashed leaves of a page of 2^pageBits items: ℒ of GP eq:constantdepthsubtreemerkleleafpage. A
// page out of range gives nil.
func PageLeaves[Item ~[]byte](items []Item, pageBits, page int, hash Hash) []protocol.Hash {
	if !pageExists(len(items), pageBits, page) {
		return nil
	}
	h := newHasher(hash)
	first := page << pageBits
	return leaves(items[first:min(first+1<<pageBits, len(items))], &h, 0)
}

// Pages holds a constant-depth tree of which the root and all pages are wanted, so that it is hashed once.
type Pages struct {
	levels [][]protocol.Hash // levels[0] is C(v), the last one is the root alone
	count  int               // items
}

// NewPages hashes the constant-depth tree over items.
func NewPages[Item ~[]byte](items []Item, hash Hash) *Pages {
	h := newHasher(hash)
	level := constant(items, &h)
	p := &Pages{levels: [][]protocol.Hash{level}, count: len(items)}
	for len(level) > 1 {
		above := make([]protocol.Hash, len(level)/2)
		for i := range above {
			above[i] = h.join(nodePrefix, level[2*i][:], level[2*i+1][:])
		}
		p.levels = append(p.levels, above)
		level = above
	}
	return p
}

// Root is [ConstantDepthRoot].
func (p *Pages) Root() protocol.Hash { return p.levels[len(p.levels)-1][0] }

// Path is [PagePath].
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

// Leaves is [PageLeaves]. The result aliases the tree.
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
	h := newHasher(hash)
	return h.join(leafPrefix, item, nil)
}

// RootFromPage returns the root of the constant-depth tree in which the page of 2^pageBits items with these leaves lies
// at the end of path. It reports false where no tree has such a page. A page with a path may be shorter than
// 2^pageBits if it is the last one, hence nobody learns the number of items from it. Whoever trusts the proof compares
// the root with one that he trusts.
func RootFromPage(leaves []protocol.Hash, pageBits, page int, path []protocol.Hash, hash Hash) (protocol.Hash, bool) {
	if pageBits < 0 || pageBits > maxDepth || len(path) > maxDepth || page < 0 || page>>len(path) != 0 ||
		len(leaves) == 0 || len(leaves) > 1<<pageBits {
		return protocol.Hash{}, false
	}
	size := 1 << pageBits
	if len(path) == 0 {
		size = powerOfTwo(len(leaves))
	}
	h := newHasher(hash)
	below := make([]protocol.Hash, size)
	copy(below, leaves)
	root := nodeOfHashes(below, &h)
	for i := len(path) - 1; i >= 0; i-- {
		if page&1 == 0 {
			root = h.join(nodePrefix, root[:], path[i][:])
		} else {
			root = h.join(nodePrefix, path[i][:], root[:])
		}
		page >>= 1
	}
	return root, true
}

// maxDepth bounds what a proof may make us allocate; no tree of ours comes near it.
const maxDepth = 24

func pageExists(count, pageBits, page int) bool {
	// The paper lets an index pass that has no items and no use; of an empty sequence there is no page.
	return pageBits >= 0 && pageBits <= maxDepth && page >= 0 && page <= (count-1)>>pageBits && count > 0
}

// pagePath is 𝒥 over the hashed and padded leaves.
func pagePath(leaves []protocol.Hash, pageBits, page int, h *hasher) []protocol.Hash {
	var path []protocol.Hash
	index := page << pageBits
	for len(leaves) > 1<<pageBits {
		middle := len(leaves) / 2
		if index < middle {
			path = append(path, nodeOfHashes(leaves[middle:], h))
			leaves = leaves[:middle]
		} else {
			path = append(path, nodeOfHashes(leaves[:middle], h))
			leaves, index = leaves[middle:], index-middle
		}
	}
	return path
}

// constant is C of GP §E.1.2: the hashed leaves, filled up with zero hashes to a power of two.
func constant[Item ~[]byte](items []Item, h *hasher) []protocol.Hash {
	size := powerOfTwo(len(items))
	return leaves(items, h, size-len(items))[:size]
}

// leaves hashes items with the leaf prefix and leaves room for spare zero hashes.
func leaves[Item ~[]byte](items []Item, h *hasher, spare int) []protocol.Hash {
	hashed := make([]protocol.Hash, len(items), len(items)+spare)
	for i, item := range items {
		hashed[i] = h.join(leafPrefix, item, nil)
	}
	return hashed
}

// powerOfTwo returns the least one that is not below n.
func powerOfTwo(n int) int {
	if n <= 1 {
		return 1
	}
	return 1 << bits.Len(uint(n-1))
}
