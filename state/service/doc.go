// Package service keeps δ, the service accounts, as the transition of one block sees them: the state
// before, and the changes since. GP §9.
//
// Whatever a service has in state lies under hashed keys, so there is no list of it: [Accounts] asks a
// [Reader] and remembers what differs. accounts.go has the layers and what can be undone, items.go the
// dictionaries of an account with their footprint, preimage.go code and historical lookup Λ, merge.go how
// the work of services that ran in parallel becomes one.
package service
