// Package impl knows which packages have variants written in assembly, so that tests can run each.
//
// A package picks by a switch of its own, a bool that tells whether to use the variant; an init function
// sets it from what the CPU can do and hands its address to [Register]. Tests and benchmarks run under
// [TestAll]. Nothing else changes a switch after init.
package impl

import "slices"

type variant struct {
	pkg, name string
	enabled   *bool
}

var variants []variant // written by init functions only

// Register tells that pkg has a variant called name, which enabled switches. Call it from an init function,
// after the switch is set, variants that go first before the others.
func Register(pkg, name string, enabled *bool) {
	variants = append(variants, variant{pkg, name, enabled})
}

// Runner is a *testing.T or a *testing.B.
type Runner[T any] interface {
	Helper()
	Run(name string, f func(T)) bool
}

// TestAll runs f once for each variant of pkg that this CPU can run, with the other ones switched off, and
// once more with all of them off. The tests of a package must not run in parallel with it.
func TestAll[T Runner[T]](t T, pkg string, f func(T)) {
	t.Helper()
	mine := slices.DeleteFunc(slices.Clone(variants), func(v variant) bool { return v.pkg != pkg || !*v.enabled })
	defer func() {
		for _, v := range mine {
			*v.enabled = true
		}
	}()
	for _, v := range mine {
		for _, other := range mine {
			*other.enabled = other.enabled == v.enabled
		}
		t.Run("impl="+v.name, f)
	}
	for _, v := range mine {
		*v.enabled = false
	}
	t.Run("impl=generic", f)
}

// Variants returns the names of those variants of pkg that are in use, in order of preference. What it says is for
// logs and benchmark reports.
func Variants(pkg string) []string {
	var names []string
	for _, v := range variants {
		if v.pkg == pkg && *v.enabled {
			names = append(names, v.name)
		}
	}
	return append(names, "generic")
}
