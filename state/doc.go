// Package state keeps σ, all that a chain remembers: the type of every component, one file each, with its
// key in the state trie (GP Appendix D) and its encoding (GP Appendix C).
//
// The components are plain values. A component is named by the Gray Paper's noun; its letter stands in the
// comment. Lists that the paper calls sets or dictionaries are kept in ascending order.
package state
