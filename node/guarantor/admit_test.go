package guarantor_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/guarantor"
)

// request sends messages to a validator, and gives whether they were taken.
func (w *world) request(to *validator, kind jamnp.Kind, messages ...[]byte) (taken bool) {
	w.t.Helper()
	ended := false
	w.builder.Request(to.Self, kind, messages, 0, time.Second, func(_ [][]byte, err error) { ended, taken = true, err == nil })
	w.until(2, "answered", func() bool { return ended })
	return taken
}

// What a builder sends is refused where it breaks a rule, and then the builder is blamed.
func TestAdmission(t *testing.T) {
	w := newWorld(t, nil)
	p := w.params
	to := w.nodes[0]
	with := func(change func(*block.WorkPackage), extrinsic string) func() [][]byte {
		return func() [][]byte {
			b := w.pack(set("key", "value"))
			change(b.Package)
			core, _ := w.coreOf(to)
			_, messages := guarantor.Messages(core, b, nil)
			messages[1] = []byte(extrinsic)
			return messages
		}
	}
	raw := func(messages ...[]byte) func() [][]byte { return func() [][]byte { return messages } }
	x := func(data string) block.ExtrinsicRef {
		return block.ExtrinsicRef{Hash: blake2b.Sum256([]byte(data)), Length: uint32(len(data))}
	}
	token := func(octets int) func(*block.WorkPackage) {
		return func(b *block.WorkPackage) { b.AuthToken = bytes.Repeat([]byte{1}, octets) }
	}
	// What is left of the limit on a message, if there is nothing in the package but its token.
	empty := with(token(1<<16), "")()
	room := jamnp.PackageSubmissionLimit(p) - len(empty[0]) + 1<<16
	const fine, refused, blamed = 0, 1, 2
	for name, tc := range map[string]struct {
		messages func() [][]byte
		want     int
	}{
		"fine":                    {with(func(*block.WorkPackage) {}, ""), fine},
		"below the message limit": {with(token(room-1), ""), fine},
		"at the message limit":    {with(token(room), ""), fine},
		"above the message limit": {with(token(room+1), ""), blamed},
		"garbage":                 {raw([]byte{0, 0, 1, 2, 3}, nil), blamed},
		"no core":                 {raw([]byte{9, 9, 1, 2, 3}, nil), blamed},
		"cut":                     {raw(empty[0][:200], nil), blamed},
		"too long":                {raw(append(bytes.Clone(empty[0]), 0), nil), blamed},
		"one message":             {raw(empty[0]), refused},
		"three messages":          {func() [][]byte { return append(with(func(*block.WorkPackage) {}, "")(), []byte{1}) }, blamed},
		"refine gas at the limit": {with(func(b *block.WorkPackage) { b.Items[0].RefineGas = p.RefineGas - 1 }, ""), fine},
		"refine gas above":        {with(func(b *block.WorkPackage) { b.Items[0].RefineGas = p.RefineGas }, ""), blamed},
		"accumulate gas at limit": {with(func(b *block.WorkPackage) { b.Items[0].AccumulateGas = p.ReportGas - 1 }, ""), fine},
		"accumulate gas above":    {with(func(b *block.WorkPackage) { b.Items[0].AccumulateGas = p.ReportGas }, ""), blamed},
		"exports above":           {with(func(b *block.WorkPackage) { b.Items[0].Exports = uint16(p.MaxPackageExports + 1) }, ""), blamed},
		"extrinsic":               {with(func(b *block.WorkPackage) { b.Items[0].Extrinsics = []block.ExtrinsicRef{x("data")} }, "data"), fine},
		"wrong extrinsic":         {with(func(b *block.WorkPackage) { b.Items[0].Extrinsics = []block.ExtrinsicRef{x("data")} }, "dada"), blamed},
		"short extrinsic":         {with(func(b *block.WorkPackage) { b.Items[0].Extrinsics = []block.ExtrinsicRef{x("data")} }, "dat"), blamed},
		"long extrinsic":          {with(func(b *block.WorkPackage) { b.Items[0].Extrinsics = []block.ExtrinsicRef{x("data")} }, "data1"), blamed},
		"other authorizer":        {with(func(b *block.WorkPackage) { b.AuthConfig = []byte("mine") }, ""), refused},
		"no service":              {with(func(b *block.WorkPackage) { b.Items[0].Service = 99 }, ""), refused},
		"other code":              {with(func(b *block.WorkPackage) { b.Items[0].CodeHash[0]++ }, ""), refused},
		"unknown anchor":          {with(func(b *block.WorkPackage) { b.Context.Anchor[0]++ }, ""), refused},
		"wrong state root":        {with(func(b *block.WorkPackage) { b.Context.AnchorStateRoot[0]++ }, ""), refused},
		"wrong beefy root":        {with(func(b *block.WorkPackage) { b.Context.AnchorBeefyRoot[0]++ }, ""), refused},
		"unknown lookup anchor":   {with(func(b *block.WorkPackage) { b.Context.LookupAnchor[0]++ }, ""), refused},
		"nine dependencies":       {with(func(b *block.WorkPackage) { b.Context.Prerequisites = make([]protocol.Hash, 9) }, ""), blamed},
		"no items":                {with(func(b *block.WorkPackage) { b.Items = nil }, ""), blamed},
		"too many items":          {with(func(b *block.WorkPackage) { b.Items = make([]block.WorkItem, 17) }, ""), blamed},
	} {
		before := to.Status().Work.Refused
		taken := w.request(to, jamnp.WorkPackage, tc.messages()...)
		why := to.net.blamed[w.builder.id]
		got := fine
		if !taken {
			got = refused
		}
		if why != nil {
			got = blamed
		}
		if got != tc.want || taken != (to.Status().Work.Refused == before) {
			t.Errorf("%s: outcome %d, want %d: %v", name, got, tc.want, why)
		}
		if why != nil { // it begins anew
			w.comeBack()
		}
		delete(to.net.blamed, w.builder.id)
	}
}

// comeBack lets the builder have another key, so that nobody remembers what it did.
func (w *world) comeBack() {
	w.builder.id[1]++
	b := &builder{id: w.builder.id}
	b.Node = w.net.Node(b.id, addressOf(50000+int(b.id[1])), b, w.loop)
	w.must(w.builder.Close())
	*w.builder = *b
	for _, n := range w.nodes {
		b.Connect(n.Self, addressOf(40000+n.index))
	}
	w.loop.Advance(6 * time.Second) // whoever has to dial
}

// A package is taken once, by those on its core alone, and with its imports only if they are proven.
func TestWhoTakesWhat(t *testing.T) {
	w := newWorld(t, nil)
	to := w.nodes[0]
	core, group := w.coreOf(to)
	b := w.pack(set("key", "value"))
	kind, messages := guarantor.Messages(core, b, nil)
	other, foreign := guarantor.Messages(1-core, b, nil)
	if w.request(to, other, foreign...) {
		t.Error("taken for another core")
	}
	if !w.request(to, kind, messages...) || w.request(to, kind, messages...) {
		t.Error("not taken just once")
	}
	w.until(6, "accumulated", func() bool { return w.stored("key") == "value" })
	for _, v := range group {
		if w.request(w.nodes[v], kind, messages...) {
			t.Error("taken again")
		}
	}
	w.nobodyBlamed()
}

// A bundle with imports is taken with them: CE 146.
func TestWholeBundle(t *testing.T) {
	w := newWorld(t, nil)
	report, _ := w.exported(5)
	exports := w.segmentsOf(report)
	whole := func(spoiled bool) *bundle.Bundle {
		b := w.pack(block.WorkItem{Service: theImporter, Imports: []block.Import{{Root: report.Package.ExportsRoot, Index: 2}}})
		b.Imports[0][0], b.Proofs[0][0] = bytes.Clone(exports[2].Octets), exports[2].Proof
		if spoiled {
			b.Imports[0][0][0]++
		}
		return b
	}
	taker := w.submit(1, whole(false))
	before := taker.Status().Work.Segments
	w.until(4, "reported", func() bool {
		pending, err := w.best().State.Reports()
		w.must(err)
		return pending[1] != nil && binary.LittleEndian.Uint64(pending[1].Report.Digests[0].Result.Output) == 3
	})
	if taker.Status().Work.Segments != before {
		t.Error("segments were fetched that came along")
	}
	w.nobodyBlamed()
	w.loop.Advance(time.Second) // so that all know the block
	for _, n := range w.nodes {
		if core, _ := w.coreOf(n); core == 1 {
			kind, messages := guarantor.Messages(1, whole(true), nil)
			if w.request(n, kind, messages...) || n.net.blamed[w.builder.id] == nil {
				t.Errorf("a wrong segment is taken, or nobody blamed: %v", n.net.blamed)
			}
			return
		}
	}
}

// A package with as much data as there may be goes its way; one with an octet more is refused by what it says of itself.
func TestBiggest(t *testing.T) {
	w := newWorld(t, nil)
	b := w.pack(set("key", "value"))
	item := &b.Package.Items[0]
	room := w.params.MaxBundle - len(b.Package.AuthToken) - len(b.Package.AuthConfig) - len(item.Payload)
	data := make([]byte, room)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	item.Extrinsics = []block.ExtrinsicRef{{Hash: blake2b.Sum256(data), Length: uint32(room)}}
	b.Extrinsics[0] = [][]byte{data}
	w.submit(0, b)
	w.until(6, "accumulated", func() bool { return w.stored("key") == "value" })
	w.nobodyBlamed()

	for _, n := range w.nodes {
		if core, _ := w.coreOf(n); core == 0 {
			over := w.pack(set("other", "value"))
			over.Package.Items[0].Extrinsics = []block.ExtrinsicRef{{Length: uint32(room - 1)}} // the payload is two longer
			_, messages := guarantor.Messages(0, over, nil)
			if w.request(n, jamnp.WorkPackage, messages[0]) || n.net.blamed[w.builder.id] == nil {
				t.Error("a package that is too big is taken, or nobody blamed")
			}
			return
		}
	}
}
