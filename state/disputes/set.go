package disputes

import (
	"bytes"
	"slices"
)

func compare[T ~[32]byte](a, b T) int {
	x, y := [32]byte(a), [32]byte(b)
	return bytes.Compare(x[:], y[:])
}

// union adds to an ascending set. It shares it if there is nothing to add, and never changes it.
func union[T ~[32]byte](set, more []T) []T {
	if len(more) == 0 {
		return set
	}
	all := slices.Concat(set, more)
	slices.SortFunc(all, compare[T])
	return slices.Compact(all)
}

// contains looks an element of an ascending set up.
func contains[T ~[32]byte](set []T, element T) bool {
	_, found := slices.BinarySearchFunc(set, element, compare[T])
	return found
}
