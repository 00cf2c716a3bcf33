//go:build !invariants

package invariants

// On says whether checks that cost time are compiled in: build with -tags invariants.
const On = false
