package codec

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func TestNaturalKnown(t *testing.T) {
	for _, tc := range []struct {
		v    uint64
		want []byte
	}{
		{0, []byte{0}},
		{127, []byte{127}},
		{128, []byte{0x80, 0x80}},
		{16383, []byte{0xbf, 0xff}},
		{16384, []byte{0xc0, 0x00, 0x40}},
		{math.MaxUint32, []byte{0xf0, 0xff, 0xff, 0xff, 0xff}},
		{1<<56 - 1, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{1 << 56, []byte{0xff, 0, 0, 0, 0, 0, 0, 0, 1}},
		{math.MaxUint64, bytes.Repeat([]byte{0xff}, 9)},
	} {
		if got := AppendNatural(nil, tc.v); !bytes.Equal(got, tc.want) {
			t.Errorf("%d encodes as %x, want %x", tc.v, got, tc.want)
		}
	}
}

func TestNaturalRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for shift := range 65 {
		for range 200 {
			v := rng.Uint64() >> min(shift, 63)
			b := AppendNatural(nil, v)
			if len(b) != NaturalSize(v) {
				t.Fatalf("%d: size %d, want %d", v, NaturalSize(v), len(b))
			}
			d := NewDecoder(b)
			if got := d.Natural(); got != v || d.Finish() != nil {
				t.Fatalf("%d decodes as %d: %v", v, got, d.Err())
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		read func(*Decoder)
		rule error
	}{
		{"long form of zero", []byte{0x80, 0}, func(d *Decoder) { d.Natural() }, ErrNatural},
		{"long form of 127", []byte{0x80, 127}, func(d *Decoder) { d.Natural() }, ErrNatural},
		{"nine octets for 2^56-1", []byte{0xff, 255, 255, 255, 255, 255, 255, 255, 0}, func(d *Decoder) { d.Natural() }, ErrNatural},
		{"natural cut", []byte{0xc0, 1}, func(d *Decoder) { d.Natural() }, ErrShort},
		{"count over limit", []byte{5}, func(d *Decoder) { d.Count(4, 0) }, ErrCount},
		{"count over the octets left", []byte{4, 1, 2, 3}, func(d *Decoder) { d.Count(10, 1) }, ErrShort},
		{"huge blob", []byte{0xff, 255, 255, 255, 255, 255, 255, 255, 255}, func(d *Decoder) { d.Blob() }, ErrShort},
		{"bool of 2", []byte{2}, func(d *Decoder) { d.Bool() }, ErrSelector},
		{"trailing", []byte{1, 2}, func(d *Decoder) { d.U8() }, ErrTrailing},
		{"u64 cut", make([]byte, 7), func(d *Decoder) { d.U64() }, ErrShort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := NewDecoder(tc.in)
			d.Field(tc.name)
			tc.read(&d)
			if err := d.Finish(); !errors.Is(err, tc.rule) {
				t.Errorf("got %v, want %v", err, tc.rule)
			}
		})
	}
}

func TestViewsAreCapped(t *testing.T) {
	in := []byte{2, 10, 11, 12}
	d := NewDecoder(in)
	view := d.Blob()
	_ = append(view, 99)
	if in[3] != 12 {
		t.Error("append to a view reached the next field")
	}
}

func FuzzNatural(f *testing.F) {
	f.Add([]byte{0xc0, 0x00, 0x40})
	f.Fuzz(func(t *testing.T, in []byte) {
		d := NewDecoder(in)
		v := d.Natural()
		if d.Err() != nil {
			return
		}
		if got := AppendNatural(nil, v); !bytes.Equal(got, in[:d.Offset()]) {
			t.Errorf("%x decodes as %d, which encodes as %x", in, v, got)
		}
	})
}
