package difference

import (
	"strings"
	"testing"

	"damson/internal/protocol"
	"damson/state"
	"damson/state/trie"
)

func TestValues(t *testing.T) {
	type inner struct {
		Hash protocol.Hash
		List []uint32
	}
	type outer struct {
		Name   string
		Inner  *inner
		Map    map[protocol.ServiceID][]byte
		hidden int
	}
	one := outer{"a", &inner{protocol.Hash{1}, []uint32{1, 2}}, map[protocol.ServiceID][]byte{7: {1}}, 1}
	for _, tc := range []struct {
		name, want string
		other      outer
	}{
		{"nothing", "", outer{"a", &inner{protocol.Hash{1}, []uint32{1, 2}}, map[protocol.ServiceID][]byte{7: {1}}, 2}},
		{"text", ".Name is a, want b", outer{Name: "b"}},
		{"pointer", ".Inner is ", outer{Name: "a"}},
		{"octets", ".Inner.Hash is 0x01", outer{"a", &inner{protocol.Hash{2}, nil}, nil, 0}},
		{"count", ".Inner.List count is 2, want 1", outer{"a", &inner{protocol.Hash{1}, []uint32{1}}, nil, 0}},
		{"element", ".Inner.List[1] is 2, want 3", outer{"a", &inner{protocol.Hash{1}, []uint32{1, 3}}, nil, 0}},
		{"key", ".Map[6] is missing, want 0x05", outer{"a", one.Inner, map[protocol.ServiceID][]byte{6: {5}, 7: {1}}, 0}},
		{"value", ".Map[7] is 0x01, want 0x02", outer{"a", one.Inner, map[protocol.ServiceID][]byte{7: {2}}, 0}},
	} {
		if got := Values(&one, &tc.other); (tc.want == "") != (got == "") || !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestLongValues(t *testing.T) {
	a, b := make([]byte, 144), make([]byte, 144)
	b[140] = 7
	if got := Values(a, b); got != " from octet 140 is 0x00000000, want 0x07000000" {
		t.Errorf("%q", got)
	}
	if got := Values(a, a[:143]); got != " from octet 143 is 0x00, want 0x" {
		t.Errorf("%q", got)
	}
	if got := Values(a, a); got != "" {
		t.Errorf("%q", got)
	}
}

func TestStates(t *testing.T) {
	p := protocol.Tiny()
	service := state.AccountKey(9)
	storage := protocol.StateKey{1, 2} // begins like the key of a component
	found := state.New(p, []trie.Change{{Key: state.SlotKey.Key(), Value: []byte{1, 0, 0, 0}}, {Key: storage, Value: []byte{7}}})
	want := state.New(p, []trie.Change{{Key: state.SlotKey.Key(), Value: []byte{2, 0, 0, 0}}, {Key: service, Value: []byte{5}}})
	got := States(found, want, 5)
	for _, part := range []string{"is 1, want 2", "account of service 9: missing, want 0x05", "should not be there, has 0x07"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q lacks %q", got, part)
		}
	}
	if States(found, found, 5) != "" {
		t.Error("a state differs from itself")
	}
	if got := States(found, want, 1); !strings.HasSuffix(got, "and 2 more entries") {
		t.Errorf("%q", got)
	}
}
