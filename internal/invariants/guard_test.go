package invariants

import (
	"errors"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	plain := errors.New("plain")
	if err := Guard(func() error { return plain }); err != plain { //nolint:errorlint // it must be the very same
		t.Errorf("%v", err)
	}
	err := Guard(func() error { panic(plain) })
	if fault, ok := errors.AsType[*Fault](err); !ok || fault.Value != any(plain) || errors.Is(err, plain) {
		t.Errorf("%v: a panic is a fault, and no error that it was made of", err)
	}
}

func TestGroup(t *testing.T) {
	var group Group
	done := make(chan struct{}, 3)
	for i := range 3 {
		group.Go(func() {
			defer func() { done <- struct{}{} }()
			if i == 1 {
				Fail("number %d", i)
			}
		})
	}
	err := Guard(func() error {
		group.Wait()
		return nil
	})
	if len(done) != 3 {
		t.Error("Wait did not wait")
	}
	if _, ok := errors.AsType[*Fault](err); !ok || !strings.Contains(err.Error(), "number 1") || strings.Count(err.Error(), "panic:") != 1 {
		t.Errorf("%v", err)
	}
}
