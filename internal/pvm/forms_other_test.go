//go:build !linux

package pvm

import "testing"

// forms runs a test on the forms of memory that can be had here.
func forms(t *testing.T, test func(t *testing.T, m *Memory)) {
	t.Run("plain", func(t *testing.T) { test(t, NewMemory()) })
}
