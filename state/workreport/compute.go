package workreport

import (
	"fmt"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/state/invoke"
	"damson/state/service"
)

// Compute is Ξ with its availability specification: it checks all data, authorizes and refines.
func (c *Computer) Compute(in *Input) (*Output, error) {
	r, exports, err := c.Refine(in)
	if err != nil {
		return nil, err
	}
	octets := in.Bundle.AppendTo(make([]byte, 0, in.Bundle.Size()))
	available, err := c.o.Coder.Specify(r.Package.Hash, octets, exports)
	if err != nil {
		return nil, err
	}
	r.Package = available.Spec
	return &Output{Report: r, Available: available, Bundle: octets}, nil
}

// Refine is Ξ without the availability specification, of which it sets the hash and what is said of exports. It returns the
// report and the segments exported.
func (c *Computer) Refine(in *Input) (*block.Report, [][]byte, error) {
	w := in.Bundle.Package
	if err := bundle.Check(w, c.o.Params); err != nil {
		return nil, nil, err
	}
	if err := checkLookups(w, in.SegmentRoots); err != nil {
		return nil, nil, err
	}
	auth := in.Authorization
	if auth == nil {
		var err error
		if auth, err = c.Authorize(w, in.Core, in.State); err != nil {
			return nil, nil, err
		}
	}
	if err := in.Bundle.Verify(in.SegmentRoots); err != nil {
		return nil, nil, err
	}
	r := &block.Report{
		Package: block.PackageSpec{Hash: w.Hash()}, Context: w.Context, Core: in.Core, Authorizer: Authorizer(w),
		AuthGasUsed: auth.GasUsed, AuthTrace: auth.Trace, SegmentRoot: in.SegmentRoots,
	}
	var exports [][]byte
	size := len(auth.Trace) // z
	for j := range w.Items {
		out, err := c.item(in, j, auth.Trace, len(exports), size)
		if err != nil {
			return nil, nil, err
		}
		size += len(out.Result.Output)
		exports = append(exports, out.Exports...)
		r.Digests = append(r.Digests, digest(&w.Items[j], out))
	}
	r.Package.ExportsCount = uint16(len(exports))
	return r, exports, nil
}

// Authorizer is a of a package: the authorizer that it implies. GP §14.3.
func Authorizer(w *block.WorkPackage) protocol.Hash {
	return blake2b.Sum256Parts(w.AuthCodeHash[:], w.AuthConfig)
}

// Authorize is the part of Ξ that comes first: Ψ_I, and whether its outcome lets there be a report. It needs nothing but the
// package.
func (c *Computer) Authorize(w *block.WorkPackage, core protocol.Core, at service.Reader) (*Authorization, error) {
	out, err := c.o.Invoker.IsAuthorized(&invoke.AuthorizeInput{Package: w, Core: core, State: at})
	switch {
	case err != nil:
		return nil, err
	case out.Result.Outcome != block.OutcomeOK:
		return nil, fmt.Errorf("%w: outcome %d", ErrUnauthorized, out.Result.Outcome)
	case len(out.Result.Output) > c.o.Params.MaxReportBlobs:
		return nil, ErrTrace
	}
	return &Authorization{Trace: out.Result.Output, GasUsed: out.GasUsed}, nil
}

// checkLookups tells whether roots has one entry for every package that is imported from by its hash, in order, and no
// other.
func checkLookups(w *block.WorkPackage, roots []block.SegmentRootEntry) error {
	want := bundle.ImportedPackages(w)
	if len(roots) != len(want) {
		return fmt.Errorf("%w: %d packages, %d imported from", ErrLookup, len(roots), len(want))
	}
	for i := range want {
		if roots[i].Package != want[i] {
			return fmt.Errorf("%w: entry %d", ErrLookup, i)
		}
	}
	return nil
}

// item is 𝐼 of GP §14.4: refinement of an item, with the size of the report and what it exports kept to what was announced.
// Exports before it are as many as announced, so offset is their sum.
func (c *Computer) item(in *Input, j int, trace []byte, offset, size int) (*invoke.RefineOutput, error) {
	b := in.Bundle
	out, err := c.o.Invoker.Refine(&invoke.RefineInput{
		Core: in.Core, Item: j, Package: b.Package, AuthTrace: trace, Imports: b.Imports, Extrinsics: b.Extrinsics,
		ExportOffset: offset, State: in.State,
	})
	if err != nil {
		return nil, fmt.Errorf("item %d: %w", j, err)
	}
	want := int(b.Package.Items[j].Exports)
	switch {
	case len(out.Result.Output)+size > c.o.Params.MaxReportBlobs:
		out.Result = block.Result{Outcome: block.OutcomeOversize}
	case len(out.Exports) != want:
		// This comes before any other error: one that should have exported and failed has bad exports.
		out.Result = block.Result{Outcome: block.OutcomeBadExports}
	}
	if out.Result.Outcome != block.OutcomeOK {
		zero := make([]byte, c.o.Params.SegmentOctets())
		out.Exports = make([][]byte, want)
		for i := range out.Exports {
			out.Exports[i] = zero
		}
	}
	return out, nil
}

// digest is 𝐶 of GP §14.3.
func digest(w *block.WorkItem, out *invoke.RefineOutput) block.Digest {
	d := block.Digest{
		Service: w.Service, CodeHash: w.CodeHash, PayloadHash: blake2b.Sum256(w.Payload), AccumulateGas: w.AccumulateGas,
		Result: out.Result, RefineGasUsed: out.GasUsed,
		Imports: uint16(len(w.Imports)), Extrinsics: uint16(len(w.Extrinsics)), Exports: w.Exports,
	}
	for i := range w.Extrinsics {
		d.ExtrinsicsSize += w.Extrinsics[i].Length
	}
	return d
}
