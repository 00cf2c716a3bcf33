package bandersnatch

import "testing"

// A panic in a goroutine that nobody can recover would end the process.
func TestEachHandsPanicsOn(t *testing.T) {
	defer func() {
		if r := recover(); r != "number 7" {
			t.Errorf("recovered %v", r)
		}
	}()
	each(3, 20, func(i int) {
		if i == 7 {
			panic("number 7")
		}
	})
	t.Error("went on")
}
