// Package difference says in words where two states, or two values of one type, differ: by the names of what is in a
// state, by field where a value is decoded.
package difference

import (
	"fmt"
	"strings"

	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/trie"
)

// States names the first entries in which a state differs from what was expected, at most limit of them, in one
// line. It is empty where the states are equal.
func States(found, expected *state.State, limit int) string {
	var b strings.Builder
	changes := found.Diff(expected)
	for i, c := range changes {
		if i == limit {
			fmt.Fprintf(&b, "; and %d more entries", len(changes)-limit)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		got, ok := found.Get(c.Key)
		fmt.Fprintf(&b, "%s: ", entryName(c.Key, c.Value, got))
		switch {
		case !ok:
			fmt.Fprintf(&b, "missing, want %s", short(c.Value))
		case c.Value == nil:
			fmt.Fprintf(&b, "should not be there, has %s", short(got))
		default:
			b.WriteString(describeValue(found, expected, c, got))
		}
	}
	return b.String()
}

// entryName says what a key stands for: a component, an account, or an entry of a service.
func entryName(key protocol.StateKey, values ...[]byte) string {
	if c := state.Component(key[0]); key == c.Key() && c >= state.AuthPoolsKey && c <= state.LastOutputsKey {
		return c.String()
	}
	if account := protocol.ServiceID(uint32(key[1]) | uint32(key[3])<<8 | uint32(key[5])<<16 | uint32(key[7])<<24); key == state.AccountKey(account) {
		return fmt.Sprintf("account of service %d", account)
	}
	service := protocol.ServiceID(uint32(key[0]) | uint32(key[2])<<8 | uint32(key[4])<<16 | uint32(key[6])<<24)
	for _, value := range values {
		if hash := protocol.Hash(blake2b.Sum256(value)); key == state.PreimageKey(service, hash) {
			return fmt.Sprintf("service %d, preimage of %s", service, hash)
		}
	}
	return fmt.Sprintf("service %d, storage or request at key %s", service, key)
}

// describeValue says where two values of an entry differ, by field where it is a component.
func describeValue(found, expected *state.State, c trie.Change, got []byte) string {
	if a, b, ok := decodeBoth(found, expected, c.Key); ok {
		if differ := Values(a, b); differ != "" {
			return differ
		}
	}
	return fmt.Sprintf("is %s, want %s", short(got), short(c.Value))
}

// decodeBoth decodes the component of a key in both states.
func decodeBoth(found, expected *state.State, key protocol.StateKey) (a, b any, ok bool) {
	a, errA := decodeComponent(found, key)
	b, errB := decodeComponent(expected, key)
	return a, b, errA == nil && errB == nil && a != nil && b != nil
}

func decodeComponent(s *state.State, key protocol.StateKey) (any, error) {
	component := state.Component(key[0])
	if component.Key() != key {
		return decodeAccount(s, key)
	}
	return s.Component(component)
}

// decodeAccount decodes what may be an account; of anything else it gives nil.
func decodeAccount(s *state.State, key protocol.StateKey) (any, error) {
	octets, ok := s.Get(key)
	if !ok || len(octets) != state.AccountSize {
		return nil, nil
	}
	var a state.Account
	d := codec.NewDecoder(octets)
	a.DecodeFrom(&d)
	return &a, d.Finish()
}
