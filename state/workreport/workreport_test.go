package workreport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/golden"
	"damson/internal/protocol"
)

// One package exports, the next one imports: by root and by package. The report stands in a golden file.
func TestExportImport(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		e := newEnv(t, p)
		name := "tiny"
		if p.Validators > 6 {
			name = "full"
		}
		first := e.must(e.input(e.authorizer(3), block.WorkItem{CodeHash: e.worker(70, 2, halts), Exports: 70, AccumulateGas: 9},
			block.WorkItem{CodeHash: e.worker(0, 0, halts), Payload: []byte("payload")},
			block.WorkItem{CodeHash: e.worker(1, 5, halts), Exports: 1}))
		exports := first.Available.Segments
		if len(exports.Exports) != 71 || binary.LittleEndian.Uint64(exports.Exports[1]) != 69 || exports.Exports[70][0] != 1 {
			t.Fatalf("%d exports", len(exports.Exports))
		}

		x := []byte("extrinsic data")
		in := e.input(e.authorizer(0),
			block.WorkItem{
				CodeHash: e.fetcher(fetchOwnImport, 1),
				Imports:  []block.Import{{Root: first.Report.Package.Hash, ByPackage: true, Index: 70}, {Root: exports.Root(), Index: 5}},
			},
			block.WorkItem{
				CodeHash:   e.fetcher(fetchOwnExtrinsic, 0),
				Extrinsics: []block.ExtrinsicRef{{Hash: blake2b.Sum256(x), Length: uint32(len(x))}},
			})
		in.SegmentRoots = []block.SegmentRootEntry{{Package: first.Report.Package.Hash, Root: exports.Root()}}
		in.Bundle.Extrinsics[1][0] = x
		for j, r := range in.Bundle.Package.Items[0].Imports {
			in.Bundle.Imports[0][j], in.Bundle.Proofs[0][j] = exports.Exports[r.Index], exports.Proof(int(r.Index))
		}
		second := e.must(in)
		outputs := []string{"\x41\x00\x00\x00\x00\x00\x00\x00", "extrinsi"}
		for i, d := range second.Report.Digests {
			if string(d.Result.Output) != outputs[i] {
				t.Errorf("item %d: output %q", i, d.Result.Output)
			}
		}
		golden.Equal(t, name+".txt", show(first.Report)+"\n"+show(second.Report))

		// An auditor comes to the same report from the bundle as it was encoded.
		decoded, err := bundle.Decode(second.Bundle, p)
		if err != nil {
			t.Fatal(err)
		}
		audited := e.must(&Input{Core: 1, Bundle: decoded, SegmentRoots: second.Report.SegmentRoot, State: e})
		if !reflect.DeepEqual(audited.Report.Hash(), second.Report.Hash()) {
			t.Error("the auditor's report differs")
		}
		if !second.Available.Shards(3).Verify(second.Report.Package.ErasureRoot, p.Validators) {
			t.Error("shards do not verify")
		}
	}
}

// show lists a report for a person.
func show(r *block.Report) string {
	var b strings.Builder
	s := &r.Package
	fmt.Fprintf(&b, "package %v\nbundle of %d octets, erasure root %v\n%d exports, root %v\n", s.Hash, s.BundleLength, s.ErasureRoot, s.ExportsCount, s.ExportsRoot)
	fmt.Fprintf(&b, "core %d, authorizer %v, gas %d, trace %x\n", r.Core, r.Authorizer, r.AuthGasUsed, r.AuthTrace)
	for _, l := range r.SegmentRoot {
		fmt.Fprintf(&b, "package %v has root %v\n", l.Package, l.Root)
	}
	for _, d := range r.Digests {
		fmt.Fprintf(&b, "service %d, code %v, payload %v, accumulate gas %d, outcome %d, output %x, gas %d, imports %d, extrinsics %d of %d, exports %d\n",
			d.Service, d.CodeHash, d.PayloadHash, d.AccumulateGas, d.Result.Outcome, d.Result.Output, d.RefineGasUsed,
			d.Imports, d.Extrinsics, d.ExtrinsicsSize, d.Exports)
	}
	return b.String()
}

// Every member of 𝔼, next to an item that goes well. What fails exports zeros.
func TestErrors(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	good := block.WorkItem{CodeHash: e.worker(1, 4, halts), Exports: 1}
	big := e.params.MaxServiceCode
	for name, tc := range map[string]struct {
		item block.WorkItem
		want block.Outcome
	}{
		"good":                     {block.WorkItem{CodeHash: e.worker(2, 4, halts), Exports: 2}, block.OutcomeOK},
		"out of gas":               {block.WorkItem{CodeHash: e.worker(0, 4, loops)}, block.OutcomeOutOfGas},
		"out of gas with exports":  {block.WorkItem{CodeHash: e.worker(2, 4, loops), Exports: 2}, block.OutcomeBadExports},
		"panic":                    {block.WorkItem{CodeHash: e.worker(0, 4, traps)}, block.OutcomePanic},
		"panic with exports":       {block.WorkItem{CodeHash: e.worker(2, 4, traps), Exports: 2}, block.OutcomeBadExports},
		"panic after exports":      {block.WorkItem{CodeHash: e.worker(2, 4, traps)}, block.OutcomePanic},
		"too few exports":          {block.WorkItem{CodeHash: e.worker(2, 4, halts), Exports: 3}, block.OutcomeBadExports},
		"too many exports":         {block.WorkItem{CodeHash: e.worker(2, 4, halts), Exports: 1}, block.OutcomeBadExports},
		"oversize":                 {block.WorkItem{CodeHash: e.worker(0, e.params.MaxReportBlobs, halts)}, block.OutcomeOversize},
		"oversize and bad exports": {block.WorkItem{CodeHash: e.worker(1, e.params.MaxReportBlobs, halts)}, block.OutcomeOversize},
		"no code":                  {block.WorkItem{CodeHash: protocol.Hash{1}}, block.OutcomeBadCode},
		"not code":                 {block.WorkItem{CodeHash: e.preimage([]byte{9, 9})}, block.OutcomeBadCode},
		"code below the limit":     {block.WorkItem{CodeHash: e.sized(big - 1)}, block.OutcomeOK},
		"code at the limit":        {block.WorkItem{CodeHash: e.sized(big)}, block.OutcomeOK},
		"code above the limit":     {block.WorkItem{CodeHash: e.sized(big + 1)}, block.OutcomeCodeTooBig},
	} {
		out := e.must(e.input(e.authorizer(2), good, tc.item, good))
		r := out.Report
		exports := out.Available.Segments.Exports
		if got := r.Digests[1].Result.Outcome; got != tc.want {
			t.Errorf("%s: outcome %d, want %d", name, got, tc.want)
		}
		if r.Digests[0].Result.Outcome != block.OutcomeOK || r.Digests[2].Result.Outcome != block.OutcomeOK {
			t.Errorf("%s: the others end with %d and %d", name, r.Digests[0].Result.Outcome, r.Digests[2].Result.Outcome)
		}
		if len(exports) != 2+int(tc.item.Exports) || exports[0][0] != 1 || exports[len(exports)-1][0] != 1 {
			t.Errorf("%s: %d exports", name, len(exports))
		}
		for _, s := range exports[1 : len(exports)-1] {
			if zero := bytes.Equal(s, make([]byte, len(s))); zero != (tc.want != block.OutcomeOK) || len(s) != e.params.SegmentOctets() {
				t.Errorf("%s: exports %x", name, s[:8])
			}
		}
		if tc.want == block.OutcomeOutOfGas && r.Digests[1].RefineGasUsed != 1_000_000 {
			t.Errorf("%s: %d gas used", name, r.Digests[1].RefineGasUsed)
		}
	}
}

// What authorization may cost and give.
func TestAuthorize(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	p := e.params
	item := block.WorkItem{CodeHash: e.worker(0, 0, halts)}
	for name, tc := range map[string]struct {
		code protocol.Hash
		want error
	}{
		"no trace":            {e.authorizer(0), nil},
		"trace below limit":   {e.authorizer(p.MaxReportBlobs - 1), nil},
		"trace at the limit":  {e.authorizer(p.MaxReportBlobs), nil},
		"trace above limit":   {e.authorizer(p.MaxReportBlobs + 1), ErrTrace},
		"no code":             {protocol.Hash{}, ErrUnauthorized},
		"out of gas":          {e.worker(0, 0, loops), ErrUnauthorized},
		"panic":               {e.worker(0, 0, traps), ErrUnauthorized},
		"code above limit":    {e.long(p.MaxAuthorizerCode + 1), ErrUnauthorized},
		"code at the limit":   {e.long(p.MaxAuthorizerCode), nil},
		"code below limit":    {e.long(p.MaxAuthorizerCode - 1), nil},
		"metadata is no code": {e.sized(p.MaxAuthorizerCode + 100), nil},
	} {
		out, err := e.compute(e.input(tc.code, item))
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err == nil && out.Report.Authorizer != blake2b.Sum256(append(tc.code[:], "config"...)) {
			t.Errorf("%s: authorizer %x", name, out.Report.Authorizer)
		}
	}
}

// An authorization that is known already leaves the report the same, and is not asked for again.
func TestKnownAuthorization(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	in := e.input(e.authorizer(3), block.WorkItem{CodeHash: e.worker(0, 1, halts)})
	want := e.must(in).Report
	in.Authorization = &Authorization{Trace: want.AuthTrace, GasUsed: want.AuthGasUsed}
	if got := e.must(in).Report; got.Hash() != want.Hash() {
		t.Errorf("another report: %+v", got)
	}
	in.Authorization.Trace = []byte("other")
	if got := e.must(in).Report; string(got.AuthTrace) != "other" {
		t.Errorf("authorized again: %q", got.AuthTrace)
	}
}

// What authorization needs is enough, one gas less is not.
func TestAuthorizationGas(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	in := e.input(e.authorizer(7), block.WorkItem{CodeHash: e.worker(0, 0, halts)})
	need := e.must(in).Report.AuthGasUsed
	for gas, want := range map[protocol.Gas]error{need - 1: ErrUnauthorized, need: nil, need + 1: nil} {
		e.params.AuthorizationGas = gas
		if out, err := e.compute(in); !errors.Is(err, want) || err == nil && out.Report.AuthGasUsed != need {
			t.Errorf("gas %d of %d: %v, want %v", gas, need, err, want)
		}
	}
}

// The trace and all outputs together: below the limit, at it, and above, where the item that goes over it is at fault
// and those after it have what was left.
func TestOutputLimit(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	limit := e.params.MaxReportBlobs
	for _, tc := range []struct {
		trace   int
		outputs []int
		want    []block.Outcome
	}{
		{0, []int{limit - 1}, []block.Outcome{block.OutcomeOK}},
		{0, []int{limit}, []block.Outcome{block.OutcomeOK}},
		{0, []int{limit + 1}, []block.Outcome{block.OutcomeOversize}},
		{0, []int{limit + 1000}, []block.Outcome{block.OutcomeOversize}},
		{10, []int{limit - 11, 0}, []block.Outcome{block.OutcomeOK, block.OutcomeOK}},
		{10, []int{limit - 11, 1}, []block.Outcome{block.OutcomeOK, block.OutcomeOK}},
		{10, []int{limit - 11, 2}, []block.Outcome{block.OutcomeOK, block.OutcomeOversize}},
		{10, []int{100, limit - 109, 1, limit - 111}, []block.Outcome{block.OutcomeOK, block.OutcomeOversize, block.OutcomeOK, block.OutcomeOK}},
		{limit, []int{0, 1}, []block.Outcome{block.OutcomeOK, block.OutcomeOversize}},
	} {
		var items []block.WorkItem
		for _, n := range tc.outputs {
			items = append(items, block.WorkItem{CodeHash: e.worker(0, n, halts)})
		}
		r := e.must(e.input(e.authorizer(tc.trace), items...)).Report
		size := len(r.AuthTrace)
		for i := range r.Digests {
			if r.Digests[i].Result.Outcome != tc.want[i] {
				t.Errorf("trace %d, outputs %v: item %d: %d, want %d", tc.trace, tc.outputs, i, r.Digests[i].Result.Outcome, tc.want[i])
			}
			size += len(r.Digests[i].Result.Output)
		}
		if size > limit {
			t.Errorf("trace %d, outputs %v: %d octets", tc.trace, tc.outputs, size)
		}
	}
}

// What an item needs is enough, one gas less is not.
func TestGasLimit(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	item := block.WorkItem{CodeHash: e.worker(3, 4, halts), Exports: 3}
	need := e.must(e.input(e.authorizer(0), item)).Report.Digests[0].RefineGasUsed
	for gas, want := range map[protocol.Gas]block.Outcome{
		need - 1: block.OutcomeBadExports, need: block.OutcomeOK, need + 1: block.OutcomeOK,
	} {
		item.RefineGas = gas
		d := e.must(e.input(e.authorizer(0), item)).Report.Digests[0]
		if d.Result.Outcome != want || d.RefineGasUsed != min(gas, need) {
			t.Errorf("gas %d of %d: outcome %d, %d used", gas, need, d.Result.Outcome, d.RefineGasUsed)
		}
	}
}

// As many exports as a package may have, all told: the item that would go over it finds no room.
func TestExportLimit(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	limit := e.params.MaxPackageExports
	for _, tc := range []struct {
		first, second int
		want          error
	}{{limit - 2, 1, nil}, {limit - 1, 1, nil}, {limit, 0, nil}, {limit, 1, bundle.ErrExports}} {
		in := e.input(e.authorizer(0), block.WorkItem{CodeHash: e.worker(tc.first, 0, halts), Exports: uint16(tc.first)},
			block.WorkItem{CodeHash: e.worker(tc.second, 0, halts), Exports: uint16(tc.second)})
		out, err := e.compute(in)
		if !errors.Is(err, tc.want) {
			t.Errorf("%d and %d exports: %v, want %v", tc.first, tc.second, err, tc.want)
		}
		if err == nil && (int(out.Report.Package.ExportsCount) != tc.first+tc.second || out.Report.Digests[1].Result.Outcome != block.OutcomeOK) {
			t.Errorf("%d and %d exports: %d", tc.first, tc.second, out.Report.Package.ExportsCount)
		}
	}
	// More than it said, with room left for fewer than that: it is told that all is full, and goes on.
	out := e.must(e.input(e.authorizer(0), block.WorkItem{CodeHash: e.worker(limit-1, 0, halts), Exports: uint16(limit - 1)},
		block.WorkItem{CodeHash: e.worker(2, 0, halts), Exports: 1}))
	if out.Report.Digests[1].Result.Outcome != block.OutcomeOK || out.Available.Segments.Exports[limit-1][0] != 2 {
		t.Errorf("outcome %d", out.Report.Digests[1].Result.Outcome)
	}
}

// The packages that are imported from: up to eight, each of them looked up, and none besides.
func TestLookups(t *testing.T) {
	e := newEnv(t, protocol.Tiny())
	limit := e.params.MaxReportDeps
	source := bundle.NewSegments([][]byte{make([]byte, e.params.SegmentOctets())})
	importing := func(n int) *Input {
		var list []block.Import
		var roots []block.SegmentRootEntry
		for i := range n {
			name := protocol.Hash{byte(i)}
			list = append(list, block.Import{Root: name, ByPackage: true}, block.Import{Root: name, ByPackage: true})
			roots = append(roots, block.SegmentRootEntry{Package: name, Root: source.Root()})
		}
		in := e.input(e.authorizer(0), block.WorkItem{CodeHash: e.worker(0, 0, halts), Imports: list})
		for j := range list {
			in.Bundle.Imports[0][j], in.Bundle.Proofs[0][j] = source.Exports[0], source.Proof(0)
		}
		in.SegmentRoots = roots
		return in
	}
	for n, want := range map[int]error{0: nil, 1: nil, limit - 1: nil, limit: nil, limit + 1: bundle.ErrDependencies} {
		if _, err := e.compute(importing(n)); !errors.Is(err, want) {
			t.Errorf("%d packages: %v, want %v", n, err, want)
		}
	}
	for name, tc := range map[string]struct {
		change func(in *Input)
		want   error
	}{
		"missing": {func(in *Input) { in.SegmentRoots = in.SegmentRoots[1:] }, ErrLookup},
		"one more": {func(in *Input) {
			in.SegmentRoots = append(in.SegmentRoots, block.SegmentRootEntry{Package: protocol.Hash{9}})
		}, ErrLookup},
		"twice":      {func(in *Input) { in.SegmentRoots = append(in.SegmentRoots, in.SegmentRoots[2]) }, ErrLookup},
		"not sorted": {func(in *Input) { in.SegmentRoots[0], in.SegmentRoots[1] = in.SegmentRoots[1], in.SegmentRoots[0] }, ErrLookup},
		"wrong root": {func(in *Input) { in.SegmentRoots[1].Root[0]++ }, bundle.ErrImport},
		"segment":    {func(in *Input) { in.Bundle.Imports[0][0] = bytes.Repeat([]byte{1}, 4104) }, bundle.ErrImport},
		"no data":    {func(in *Input) { in.Bundle.Imports[0] = nil }, bundle.ErrShape},
	} {
		in := importing(3)
		tc.change(in)
		if _, err := e.compute(in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
