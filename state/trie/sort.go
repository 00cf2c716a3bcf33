package trie

import "slices"

// insertedBelow is the number of changes from which they are dealt by an octet of their keys and not compared.
const insertedBelow = 64

// sortChanges sorts by key and leaves changes of one key in their order. Sorted ones, which is how states are stored and
// sent, cost a look at each.
func sortChanges(changes []Change) {
	if slices.IsSortedFunc(changes, Compare) {
		return
	}
	var spare []Change
	if len(changes) >= insertedBelow {
		spare = make([]Change, len(changes))
	}
	dealSort(changes, spare, 0)
}

// dealSort sorts changes whose keys agree in the octets before octet. The spare memory is as long.
func dealSort(changes, spare []Change, octet int) {
	if len(changes) < insertedBelow {
		slices.SortStableFunc(changes, Compare)
		return
	}
	for ; octet < len(changes[0].Key); octet++ {
		var ends [256]int
		for i := range changes {
			ends[changes[i].Key[octet]]++
		}
		if ends[changes[0].Key[octet]] == len(changes) {
			continue
		}
		at := 0
		var next [256]int
		for value, count := range ends {
			next[value] = at
			at += count
			ends[value] = at
		}
		for i := range changes {
			to := &next[changes[i].Key[octet]]
			spare[*to] = changes[i]
			*to++
		}
		copy(changes, spare)
		start := 0
		for _, end := range ends {
			if end > start {
				dealSort(changes[start:end], spare[start:end], octet+1)
			}
			start = end
		}
		return
	}
}
