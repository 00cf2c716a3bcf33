//go:build !amd64 || purego

package erasure

var kernels = [...]variant{{&always, newGeneric}}
