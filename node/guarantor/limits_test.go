package guarantor_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// limitCase is a limit on packages: how a package comes to have so many of something.
type limitCase struct {
	limit int
	set   func(b *block.WorkPackage, n int)
	want  error
}

func limitCases(p *protocol.Params) map[string]limitCase {
	byPackage := func(n int) (list []block.Import) {
		for i := range n {
			list = append(list, block.Import{Root: protocol.Hash{1, byte(i)}, ByPackage: true})
		}
		return list
	}
	return map[string]limitCase{
		"I":   {p.MaxPackageItems, func(b *block.WorkPackage, n int) { b.Items = slices.Repeat(b.Items, n) }, bundle.ErrItems},
		"W_X": {p.MaxPackageExports, func(b *block.WorkPackage, n int) { b.Items[0].Exports = uint16(n) }, bundle.ErrExports},
		"W_M": {p.MaxPackageImports, func(b *block.WorkPackage, n int) {
			b.Items[0].Imports = make([]block.Import, n)
		}, bundle.ErrImports},
		"T": {p.MaxPackageExtrinsics, func(b *block.WorkPackage, n int) {
			b.Items[0].Extrinsics = slices.Repeat([]block.ExtrinsicRef{{Hash: blake2b.Sum256(nil)}}, n)
		}, bundle.ErrExtrinsics},
		"G_R": {int(p.RefineGas) - 1, func(b *block.WorkPackage, n int) { b.Items[0].RefineGas = protocol.Gas(n) }, bundle.ErrRefineGas},
		"G_A": {int(p.ReportGas) - 1, func(b *block.WorkPackage, n int) {
			b.Items[0].AccumulateGas = protocol.Gas(n)
		}, bundle.ErrAccumulateGas},
		"J, prerequisites": {p.MaxReportDeps, func(b *block.WorkPackage, n int) {
			for i := range n {
				b.Context.Prerequisites = append(b.Context.Prerequisites, protocol.Hash{byte(i)})
			}
		}, bundle.ErrDependencies},
		"J, imported from": {p.MaxReportDeps, func(b *block.WorkPackage, n int) { b.Items[0].Imports = byPackage(n) }, bundle.ErrDependencies},
		"W_B, token": {p.MaxBundle, func(b *block.WorkPackage, n int) { // what is said of one extrinsic leaves so much for the token
			b.Items[0].Extrinsics = []block.ExtrinsicRef{{Hash: blake2b.Sum256(nil)}}
			b.AuthToken = make([]byte, n-len(b.AuthConfig)-len(b.Items[0].Payload))
		}, bundle.ErrTooBig},
		"W_B, extrinsic": {p.MaxBundle, func(b *block.WorkPackage, n int) {
			n -= len(b.AuthToken) + len(b.AuthConfig) + len(b.Items[0].Payload)
			b.Items[0].Extrinsics = []block.ExtrinsicRef{{Length: uint32(n)}}
		}, bundle.ErrTooBig},
	}
}

// proof gives the octets of a package up to the one that proves it over a limit.
func proof(octets []byte, p *protocol.Params) []byte {
	r := bytes.NewReader(octets)
	_, _, _ = bundle.ReadPackage(r, p)
	return octets[:len(octets)-r.Len()]
}

// stalled is a stream of which no more comes than the proof of a broken limit: who reads on would wait for ever.
type stalled struct {
	t    *testing.T
	rest []byte
}

func (s *stalled) Read(b []byte) (int, error) {
	if len(s.rest) == 0 && len(b) > 0 {
		s.t.Error("read on beyond the octet that proves it")
		return 0, io.ErrClosedPipe
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// stalling is the acceptor's end of a stream whose messages end where a limit is broken, though their lengths promise more.
type stalling struct {
	t        *testing.T
	w        *world
	from     jamnp.PeerID
	kind     jamnp.Kind
	messages [][]byte
	promised []int // octets of each
	why      error // it is rejected
	ended    bool
}

func (x *stalling) Peer() jamnp.PeerID { return x.from }
func (x *stalling) Kind() jamnp.Kind   { return x.kind }

func (x *stalling) take(limit int) (message []byte, promised int, err error) {
	if len(x.messages) == 0 {
		x.t.Error("reads on after the message that breaks a limit")
		return nil, 0, io.ErrClosedPipe
	}
	message, promised = x.messages[0], x.promised[0]
	x.messages, x.promised = x.messages[1:], x.promised[1:]
	if promised > limit {
		err = jamnp.ErrOversized
	}
	return message, promised, err
}

func (x *stalling) Next(limit int, then func([]byte, error)) {
	message, promised, err := x.take(limit)
	if err == nil && promised > len(message) {
		x.t.Errorf("waits for a whole message of %d octets", promised)
		err = io.ErrClosedPipe
	}
	x.w.loop.Post(func() { then(message, err) })
}

func (x *stalling) Stream(limit int, read func(io.Reader) error, then func(error)) {
	message, promised, err := x.take(limit)
	if err == nil {
		err = read(io.LimitReader(&stalled{x.t, message}, int64(promised)))
	}
	x.w.loop.Post(func() { then(err) })
}

func (x *stalling) Answer(...[]byte)    { x.ended = true }
func (x *stalling) Reject(reason error) { x.ended, x.why = true, reason }

// served hands a stream that stalls to a validator, and gives why it is rejected.
func (w *world) served(to *validator, from jamnp.PeerID, kind jamnp.Kind, messages [][]byte, promised ...int) error {
	w.t.Helper()
	x := &stalling{t: w.t.(*testing.T), w: w, from: from, kind: kind, messages: messages, promised: promised}
	if !to.Guarantor.Serve(x) {
		w.t.Fatalf("no stream of kind %d is served", kind)
	}
	w.loop.Run()
	if !x.ended {
		w.t.Fatal("not ended")
	}
	return x.why
}

// newPair makes a world, and gives two validators who are on a core.
func newPair(t *testing.T) (w *world, to, other *validator, core protocol.Core) {
	t.Helper()
	w = newWorld(t, nil)
	to = w.nodes[0]
	core, group := w.coreOf(to)
	if other = w.nodes[group[0]]; other == to {
		other = w.nodes[group[1]]
	}
	return w, to, other, core
}

// A package at a limit, or one below, is taken from a builder; one above is refused at the octet that proves it on each of the
// three streams by which packages come, and nothing behind is waited for.
func TestPackageLimits(t *testing.T) {
	w, to, other, core := newPair(t)
	p := w.params
	sharing := jamnp.Encode(&jamnp.Sharing{Core: core})
	pack := func(tc limitCase, n int) (octets, submission []byte) {
		b := w.pack(set("key", "value"))
		b.Package.Items[0].RefineGas, b.Package.Items[0].AccumulateGas = 1000, 1000
		tc.set(b.Package, n)
		octets = b.Package.AppendTo(nil)
		return octets, append(codec.AppendU16(nil, uint16(core)), octets...)
	}
	for name, tc := range limitCases(p) {
		octets, submission := pack(tc, tc.limit+1)
		most := proof(octets, p)
		want := tc.want
		if len(octets) > jamnp.PackageAloneLimit(p) {
			want = jamnp.ErrOversized // by its length alone
		}
		for kind, err := range map[jamnp.Kind]error{
			jamnp.WorkPackage: w.served(to, protocol.Ed25519Key{1}, jamnp.WorkPackage, [][]byte{submission[:2+len(most)]}, len(submission)),
			jamnp.WorkBundle:  w.served(to, protocol.Ed25519Key{2}, jamnp.WorkBundle, [][]byte{sharing, most}, len(sharing), len(octets)),
		} {
			if !errors.Is(err, want) {
				t.Errorf("%s: CE %d: %v, want %v", name, kind, err, want)
			}
		}
		err := w.served(to, other.Self, jamnp.PackageSharing, [][]byte{sharing, most}, len(sharing), len(octets))
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: CE 134: %v, want %v", name, err, tc.want)
		}
	}
	for name, tc := range limitCases(p) {
		if errors.Is(tc.want, bundle.ErrTooBig) { // as much data is sent in TestBiggest
			continue
		}
		for n := tc.limit - 1; n <= tc.limit; n++ {
			_, submission := pack(tc, n)
			if !w.request(to, jamnp.WorkPackage, submission, nil) || to.net.blamed[w.builder.id] != nil {
				t.Errorf("%s: %d of %d is refused: %v", name, n, tc.limit, to.net.blamed[w.builder.id])
			}
		}
	}
}

// What comes with a package is no longer than the package says, by the length that goes before it; a proof that is too long
// is refused when its length is read.
func TestDataLimits(t *testing.T) {
	w, to, other, core := newPair(t)
	p := w.params
	b := w.pack(block.WorkItem{
		Service: theImporter, Imports: []block.Import{{}}, Extrinsics: []block.ExtrinsicRef{{Hash: blake2b.Sum256([]byte("data")), Length: 4}},
	})
	roots := make([]block.SegmentRootEntry, p.MaxReportDeps+1)
	sharing := jamnp.Encode(&jamnp.Sharing{Core: core})
	many := jamnp.Encode(&jamnp.Sharing{Core: core, Mappings: roots})
	octets, data, segment := b.Package.AppendTo(nil), []byte("data"), make([]byte, p.SegmentOctets())
	deep := []byte{byte(bundle.ProofsOctets(1, p)/32 + 1)} // one hash more than there can be
	whole := slices.Concat(octets, data, segment, deep)
	for name, tc := range map[string]struct {
		kind     jamnp.Kind
		messages [][]byte
		extra    int // octets that the last message promises beyond
		want     error
	}{
		"CE 134, look-ups":    {jamnp.PackageSharing, [][]byte{many[:0]}, len(many), jamnp.ErrOversized},
		"CE 146, look-ups":    {jamnp.WorkBundle, [][]byte{many[:0]}, len(many), jamnp.ErrOversized},
		"CE 133, extrinsics":  {jamnp.WorkPackage, [][]byte{append(codec.AppendU16(nil, uint16(core)), octets...), data}, 1, jamnp.ErrOversized},
		"CE 146, extrinsics":  {jamnp.WorkBundle, [][]byte{sharing, octets, data}, 1, jamnp.ErrOversized},
		"CE 146, segments":    {jamnp.WorkBundle, [][]byte{sharing, octets, data, segment}, 1, jamnp.ErrOversized},
		"CE 146, proofs":      {jamnp.WorkBundle, [][]byte{sharing, octets, data, segment, nil}, bundle.ProofsOctets(1, p) + 1, jamnp.ErrOversized},
		"CE 146, a proof":     {jamnp.WorkBundle, [][]byte{sharing, octets, data, segment, deep}, 32, codec.ErrCount},
		"CE 134, a proof":     {jamnp.PackageSharing, [][]byte{sharing, whole}, 32, codec.ErrCount},
		"CE 134, the message": {jamnp.PackageSharing, [][]byte{sharing, nil}, jamnp.BundleLimit(p) + 1, jamnp.ErrOversized},
	} {
		promised := make([]int, len(tc.messages))
		for i, m := range tc.messages {
			promised[i] = len(m)
		}
		promised[len(promised)-1] += tc.extra
		from := protocol.Ed25519Key{1}
		if tc.kind == jamnp.PackageSharing {
			from = other.Self
		}
		if err := w.served(to, from, tc.kind, tc.messages, promised...); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	// At the limit there is nothing to refuse but what is missing.
	if err := new(jamnp.Sharing).Decode(jamnp.Encode(&jamnp.Sharing{Mappings: roots[1:]}), p); err != nil || len(many)-64 > jamnp.SharingLimit(p) {
		t.Errorf("as many look-ups as there may be: %v", err)
	}
}
