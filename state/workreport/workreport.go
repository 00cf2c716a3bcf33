// Package workreport computes work reports: Ξ of GP §14.4.
//
// compute.go is Ξ and its parts, of which a guarantor needs the first by itself: whether a package is authorized at all.
// What a package may ask for, the data that comes with it, and the availability specification are in internal/bundle.
//
// An error that is a [protocol.Invalid] means that there is no report for the package. Any other means that this node
// failed, and that nothing is known.
package workreport

import (
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/state/invoke"
	"damson/state/service"
)

// Why there is no report of a package.
const (
	ErrUnauthorized = protocol.Invalid("workreport/not_authorized")
	ErrTrace        = protocol.Invalid("workreport/authorization_trace_too_long")
	ErrLookup       = protocol.Invalid("workreport/bad_segment_root_lookup")
)

// Options configures New. All must be set.
type Options struct {
	Params  *protocol.Params
	Invoker *invoke.Invoker
	Coder   *bundle.Coder
}

// Computer computes reports. It is safe for concurrent use.
type Computer struct{ o Options }

// New returns a Computer.
func New(o Options) *Computer { return &Computer{o} }

// Input is what a report depends on.
type Input struct {
	Core   protocol.Core
	Bundle *bundle.Bundle
	// SegmentRoots has the segment root of each package that the package imports from by its hash, ordered by that hash: 𝑙.
	// A guarantor finds them; an auditor takes those of the report that it audits.
	SegmentRoots []block.SegmentRootEntry
	State        service.Reader // at the lookup anchor or up to an expunge period later
	// Authorization is what Authorize said of the package on this core and state, if it has been asked.
	Authorization *Authorization
}

// Authorization is how is-authorized ended well.
type Authorization struct {
	Trace   []byte       // 𝐭
	GasUsed protocol.Gas // g
}

// Output is a report, with what it commits to.
type Output struct {
	Report    *block.Report
	Available *bundle.Available
	Bundle    []byte // as it is encoded
}
