package vectors

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"damson/internal/protocol"
)

// Equal marks the test as failed where got is not want, and shows the difference. A nil slice or map
// equals an empty one: an encoding cannot tell them apart.
func Equal(tb testing.TB, what string, got, want any) {
	tb.Helper()
	if reflect.DeepEqual(got, want) { // much faster
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		tb.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// Code names err as the vectors do: "bad_slot" for an error that wraps safrole/bad_slot, "" for nil. Any
// other error has no such name, and its text comes back marked, so that it equals no expected one.
func Code(err error) string {
	if err == nil {
		return ""
	}
	if why, ok := errors.AsType[protocol.Invalid](err); ok {
		return why.Code()
	}
	return "not a rule: " + err.Error()
}
