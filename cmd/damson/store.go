package main

import (
	"fmt"

	"damson/internal/protocol"
	"damson/state/store"

	"github.com/spf13/pflag"
)

// storeFlags are the flags of commands that may keep a chain on disk.
type storeFlags struct {
	dir     string
	cache   int64 // MiB
	archive bool
}

func (f *storeFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "data-path", "", "keep the chain in the folder `DIR`, and go on from what is there")
	flags.Int64Var(&f.cache, "cache", defaultCache, "`MiB` of memory for what is read of the chain on disk")
	flags.BoolVar(&f.archive, "archive", false, "keep all blocks and states, also those that the protocol needs no more")
}

// open opens the store; nil if none is wanted.
func (f *storeFlags) open(p *protocol.Params) (*store.Store, error) {
	if f.dir == "" {
		return nil, nil
	}
	octets, err := cacheOctets(f.cache)
	if err != nil {
		return nil, err
	}
	return store.Open(f.dir, store.Options{Params: p, CacheBytes: octets, Archive: f.archive})
}

// defaultCache is that of --cache, which is in MiB.
const defaultCache = 256

func cacheOctets(mebi int64) (int64, error) {
	if mebi < 1 || mebi > 1<<20 {
		return 0, fmt.Errorf("--cache %d: want from 1 to %d MiB", mebi, 1<<20)
	}
	return mebi << 20, nil
}
