package block

import (
	"bytes"
	"strings"
	"testing"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

// coder is what every type of this package does.
type coder struct {
	decode func(*codec.Decoder, *protocol.Params)
	append func([]byte) []byte
}

// coderOf gives the type that a codec vector holds, by the vector's name.
func coderOf(name string) (coder, bool) {
	var (
		x Extrinsic
		h Header
		b View
		r Report
		w WorkPackage
		i WorkItem
		c RefinementContext
		g Digest
	)
	table := map[string]coder{
		"assurances_extrinsic": {x.DecodeAssurances, func(b []byte) []byte { return AppendAssurances(b, x.Assurances) }},
		"tickets_extrinsic":    {noParams(x.DecodeTicketProofs), func(b []byte) []byte { return AppendTicketProofs(b, x.Tickets) }},
		"preimages_extrinsic":  {noParams(x.DecodePreimages), func(b []byte) []byte { return AppendPreimages(b, x.Preimages) }},
		"guarantees_extrinsic": {x.DecodeGuarantees, func(b []byte) []byte { return AppendGuarantees(b, x.Guarantees) }},
		"disputes_extrinsic":   {x.Disputes.DecodeFrom, x.Disputes.AppendTo},
		"extrinsic":            {x.DecodeFrom, x.AppendTo},
		"header_0":             {h.DecodeFrom, h.AppendTo},
		"header_1":             {h.DecodeFrom, h.AppendTo},
		"block":                {b.DecodeFrom, b.AppendTo},
		"work_report":          {r.DecodeFrom, r.AppendTo},
		"work_package":         {w.DecodeFrom, w.AppendTo},
		"work_item":            {i.DecodeFrom, i.AppendTo},
		"refine_context":       {noParams(c.DecodeFrom), c.AppendTo},
		"work_result_0":        {noParams(g.DecodeFrom), g.AppendTo},
		"work_result_1":        {noParams(g.DecodeFrom), g.AppendTo},
	}
	found, ok := table[name]
	return found, ok
}

func noParams(f func(*codec.Decoder)) func(*codec.Decoder, *protocol.Params) {
	return func(d *codec.Decoder, _ *protocol.Params) { f(d) }
}

func TestVectors(t *testing.T) {
	vectors.Each(t, "codec", ".bin", func(t *testing.T, v *vectors.File) {
		p, _ := protocol.Named(v.Chain)
		name := strings.TrimSuffix(v.Name[strings.LastIndexByte(v.Name, '/')+1:], ".bin")
		c, ok := coderOf(name)
		if !ok {
			t.Fatalf("%s: no type of this name", v.Path)
		}
		d := codec.NewDecoder(v.Data)
		c.decode(&d, p)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
		if got := c.append(nil); !bytes.Equal(got, v.Data) {
			t.Fatalf("encodes as %x, want %x", got, v.Data)
		}
		for n := range v.Data {
			d := codec.NewDecoder(v.Data[:n])
			if c.decode(&d, p); d.Finish() == nil {
				t.Fatalf("accepted when cut to %d of %d octets", n, len(v.Data))
			}
			if len(v.Data) > 4096 {
				break
			}
		}
	})
}

func TestViewReused(t *testing.T) {
	var v View
	for f := range vectors.Files(t, "codec/tiny", "block.bin") {
		p := protocol.Tiny()
		if err := v.Decode(f.Data, p); err != nil {
			t.Fatal(err)
		}
		if v.HeaderHash() != v.Header.Hash() {
			t.Error("hash of the octets read differs from that of the fields")
		}
		if v.ReportHash(0) != v.Extrinsic.Guarantees[0].Report.Hash() {
			t.Error("report hash differs")
		}
		if n := testing.AllocsPerRun(20, func() {
			if v.Decode(f.Data, p) != nil {
				t.Error("second decoding failed")
			}
		}); n != 0 {
			t.Errorf("decoding into a used view allocates %v times", n)
		}
		if got := v.AppendTo(nil); !bytes.Equal(got, f.Data) {
			t.Error("a reused view encodes differently")
		}
	}
}

func FuzzHeader(f *testing.F) {
	seed(f, "header")
	f.Fuzz(func(t *testing.T, in []byte) {
		var h Header
		roundTrip(t, in, h.DecodeFrom, h.AppendTo)
	})
}

func FuzzBlock(f *testing.F) {
	seed(f, "block.bin")
	f.Fuzz(func(t *testing.T, in []byte) {
		var v View
		roundTrip(t, in, v.DecodeFrom, v.AppendTo)
	})
}

func FuzzReport(f *testing.F) {
	seed(f, "work_report.bin")
	f.Fuzz(func(t *testing.T, in []byte) {
		var r Report
		roundTrip(t, in, r.DecodeFrom, r.AppendTo)
	})
}

func FuzzWorkPackage(f *testing.F) {
	seed(f, "work_package.bin")
	f.Fuzz(func(t *testing.T, in []byte) {
		var w WorkPackage
		roundTrip(t, in, w.DecodeFrom, w.AppendTo)
	})
}

// seed begins with the official vectors of the tiny chain whose names begin so, where they are at hand.
func seed(f *testing.F, prefix string) {
	if _, ok := vectors.Find(); !ok {
		return
	}
	for v := range vectors.Files(f, "codec/tiny", ".bin") {
		if strings.HasPrefix(v.Name, prefix) {
			f.Add(v.Data)
		}
	}
}

// roundTrip checks that what decodes has no other encoding.
func roundTrip(t *testing.T, in []byte, decode func(*codec.Decoder, *protocol.Params), encode func([]byte) []byte) {
	d := codec.NewDecoder(in)
	decode(&d, protocol.Tiny())
	if d.Finish() != nil {
		return
	}
	if got := encode(nil); !bytes.Equal(got, in) {
		t.Errorf("%x encodes as %x", in, got)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, chain := range []string{"tiny", "full"} {
		b.Run("chain="+chain, func(b *testing.B) {
			p, _ := protocol.Named(chain)
			for f := range vectors.Files(b, "codec/"+chain, "block.bin") {
				var v View
				b.SetBytes(int64(len(f.Data)))
				b.ReportAllocs()
				for b.Loop() {
					if err := v.Decode(f.Data, p); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
