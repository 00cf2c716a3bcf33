package invariants

import (
	"errors"
	"testing"
)

func TestFail(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		if broken, ok := errors.AsType[Broken](err); !ok || broken != "root 7, want 8" {
			t.Errorf("recovered %v", err)
		}
	}()
	Check(true, "never said")
	Check(false, "root %d, want %d", 7, 8)
	t.Error("went on")
}
