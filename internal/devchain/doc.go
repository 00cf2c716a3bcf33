// Package devchain authors chains of our own: for tests, for benchmarks, and the small one that the binary carries.
//
// A [Builder] knows the secrets of all validators. It makes a chain from a [Genesis], drafts blocks ([Builder.Draft]) with
// guarantees, assurances, disputes and preimages that are properly signed, and seals them by the fallback keys. The work
// in them is refined by the services' code. Everything follows from what it is told: nothing is random and no clock is
// read.
//
// own.go has the chain that the binary carries, script.go how it goes; large.go makes large cases.
package devchain
