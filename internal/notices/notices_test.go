package main

import "testing"

// TestUpToDate: the notices are those of the modules that the binary is built with.
func TestUpToDate(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}
