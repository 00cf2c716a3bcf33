package bundle

import (
	"math/bits"

	"damson/internal/block"
	"damson/internal/protocol"
)

// Why a package is refused whatever it does.
const (
	ErrItems         = protocol.Invalid("bundle/bad_number_of_items")
	ErrExports       = protocol.Invalid("bundle/too_many_exports")
	ErrImports       = protocol.Invalid("bundle/too_many_imports")
	ErrExtrinsics    = protocol.Invalid("bundle/too_many_extrinsics")
	ErrTooBig        = protocol.Invalid("bundle/package_too_big")
	ErrRefineGas     = protocol.Invalid("bundle/refine_gas_too_high")
	ErrAccumulateGas = protocol.Invalid("bundle/accumulate_gas_too_high")
	ErrDependencies  = protocol.Invalid("bundle/too_many_dependencies")
)

// Check tells whether a package keeps the limits on all packages: GP eq:limitworkpackagebandwidth, eq:checkextractsize,
// eq:wplimits; and of what it depends on GP eq:limitreportdeps, since nobody could report it otherwise.
func Check(w *block.WorkPackage, p *protocol.Params) error {
	l := newLimits(p)
	if len(w.Items) < 1 || len(w.Items) > p.MaxPackageItems {
		return ErrItems
	}
	if err := l.dependencies(len(w.Context.Prerequisites)); err != nil {
		return err
	}
	if err := l.octets(uint64(len(w.AuthToken))); err != nil {
		return err
	}
	if err := l.octets(uint64(len(w.AuthConfig))); err != nil {
		return err
	}
	for i := range w.Items {
		if err := l.item(&w.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

// limits counts what is left of what a package may have.
type limits struct {
	exports, imports, extrinsics, deps int
	footprint                          uint64 // of an imported segment
	size                               uint64 // octets
	refineGas, accumulateGas           protocol.Gas
	packages                           map[protocol.Hash]struct{} // imported from
}

func newLimits(p *protocol.Params) *limits {
	return &limits{
		exports: p.MaxPackageExports, imports: p.MaxPackageImports, extrinsics: p.MaxPackageExtrinsics, deps: p.MaxReportDeps,
		footprint: uint64(p.SegmentFootprint()), size: uint64(p.MaxBundle),
		// The sums are to be less than the limits.
		refineGas: p.RefineGas - 1, accumulateGas: p.ReportGas - 1,
		packages: make(map[protocol.Hash]struct{}),
	}
}

func (l *limits) item(w *block.WorkItem) error {
	if err := l.gas(w.RefineGas, w.AccumulateGas); err != nil {
		return err
	}
	if err := l.exported(int(w.Exports)); err != nil {
		return err
	}
	if err := l.octets(uint64(len(w.Payload))); err != nil {
		return err
	}
	if err := l.imported(len(w.Imports)); err != nil {
		return err
	}
	for i := range w.Imports {
		if err := l.importedFrom(&w.Imports[i]); err != nil {
			return err
		}
	}
	if err := l.referred(len(w.Extrinsics)); err != nil {
		return err
	}
	for i := range w.Extrinsics {
		if err := l.octets(uint64(w.Extrinsics[i].Length)); err != nil {
			return err
		}
	}
	return nil
}

func (l *limits) gas(refine, accumulate protocol.Gas) error {
	switch {
	case refine > l.refineGas:
		return ErrRefineGas
	case accumulate > l.accumulateGas:
		return ErrAccumulateGas
	}
	l.refineGas -= refine
	l.accumulateGas -= accumulate
	return nil
}

func (l *limits) octets(n uint64) error {
	if n > l.size {
		return ErrTooBig
	}
	l.size -= n
	return nil
}

func (l *limits) exported(n int) error { return take(&l.exports, n, ErrExports) }

func (l *limits) imported(n int) error {
	if err := take(&l.imports, n, ErrImports); err != nil {
		return err
	}
	return l.octets(uint64(n) * l.footprint)
}

func (l *limits) referred(n int) error { return take(&l.extrinsics, n, ErrExtrinsics) }

func (l *limits) dependencies(n int) error { return take(&l.deps, n, ErrDependencies) }

func (l *limits) importedFrom(r *block.Import) error {
	if _, seen := l.packages[r.Root]; seen || !r.ByPackage {
		return nil
	}
	l.packages[r.Root] = struct{}{}
	return l.dependencies(1)
}

func take(left *int, n int, why error) error {
	if n > *left {
		return why
	}
	*left -= n
	return nil
}

// maxDepth is the length of the longest proof of a segment.
func maxDepth(p *protocol.Params) int {
	return bits.Len(uint(max(p.MaxPackageExports, p.MaxPackageImports) - 1))
}

// MaxPackageOctets bounds the encoding of a package. Beyond what GP eq:checkextractsize counts it has fields of fixed
// length.
func MaxPackageOctets(p *protocol.Params) int {
	const (
		contextOctets = 4*32 + 4 + 9
		itemOctets    = 4 + 32 + 2*8 + 2 + 3*9
	)
	return p.MaxBundle + 4 + 32 + contextOctets + 32*p.MaxReportDeps + 3*9 + p.MaxPackageItems*itemOctets +
		p.MaxPackageImports*34 + p.MaxPackageExtrinsics*36
}

// MaxOctets bounds the encoding of a bundle.
func MaxOctets(p *protocol.Params) int {
	return MaxPackageOctets(p) + p.MaxPackageImports // how long each proof is
}
