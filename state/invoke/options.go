package invoke

import (
	"damson/internal/protocol"
	"damson/internal/pvm"
)

// Options configures New. Engine and Params must be set.
type Options struct {
	Engine pvm.Engine
	Params *protocol.Params

	CacheBytes int64          // bound on the decoded programs kept; 0 means 256 MiB
	Log        func(LogEvent) // told what guests say by the host call log, by many goroutines; may be nil

	// The Gray Paper's gas does not bound what inner machines of a refinement do. These are the bounds of this
	// node: beyond them it fails and says nothing about the outcome.
	InnerGas   uint64 // gas that the inner machines of one refinement may burn; 0 means 2^38
	InnerBytes uint64 // code and mapped pages that they may have at once; 0 means 4 GiB
}

// LogEvent is what a guest says to the operator of the node. JIP-1.
type LogEvent struct {
	Level   uint64 // 0 fatal, 1 warning, 2 important, 3 helpful, 4 pedantic
	Target  string // may be empty
	Message string
	Service *protocol.ServiceID // nil in is-authorized
	Core    *protocol.Core      // nil in accumulate
}

// Invoker runs service code. It is safe for concurrent use.
type Invoker struct {
	engine     pvm.Engine
	params     *protocol.Params
	constants  []byte // what fetch tells of the parameters
	log        func(LogEvent)
	innerGas   uint64
	innerBytes uint64
	programs   programs
	memories   memories
}

const (
	defaultCacheBytes = 256 << 20
	defaultInnerGas   = 1 << 38
	defaultInnerBytes = 4 << 30
)

// New returns an Invoker.
func New(o Options) *Invoker {
	v := &Invoker{
		engine:     o.Engine,
		params:     o.Params,
		constants:  o.Params.AppendTo(nil),
		log:        o.Log,
		innerGas:   o.InnerGas,
		innerBytes: o.InnerBytes,
	}
	if v.innerGas == 0 {
		v.innerGas = defaultInnerGas
	}
	if v.innerBytes == 0 {
		v.innerBytes = defaultInnerBytes
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	v.programs.init(o.CacheBytes)
	return v
}
