package conformance

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"damson/internal/protocol"
	"damson/internal/vectors"
)

// TestExamples are the encodings that the protocol's description shows.
func TestExamples(t *testing.T) {
	root, err := hex.DecodeString("4559342d3a32a8cbc3c46399a80753abff8bf785aa9d6f623e0de045ba6701fe")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		message Message
		want    string
	}{
		{Message{Kind: KindPeerInfo, PeerInfo: PeerInfo{1, 2, Version{0, 7, 0}, Version{0, 1, 25}, "fuzzer"}}, "0001020000000007000001190666757a7a6572"},
		{Message{Kind: KindStateRoot, Hash: protocol.Hash(root)}, "02" + hex.EncodeToString(root)},
		{
			Message{Kind: KindError, Text: "Chain error: block execution failure: preimages error: preimage not required"},
			"ff4c436861696e206572726f723a20626c6f636b20657865637574696f6e206661696c7572653a20707265696d61676573206572726f723a20" +
				"707265696d616765206e6f74207265717569726564",
		},
	} {
		if got := hex.EncodeToString(tc.message.AppendTo(nil)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.message.Kind, got, tc.want)
		}
	}
}

// TestMessages decodes every recorded message, also those of an older session, and encodes it again.
func TestMessages(t *testing.T) {
	vectors.Each(t, "fuzz-proto", ".bin", func(t *testing.T, f *vectors.File) {
		m, err := DecodeMessage(f.Data, protocol.Tiny())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(m.AppendTo(nil), f.Data) {
			t.Error("encodes differently")
		}
		if m.Kind == KindImportBlock {
			return // a block is decoded later
		}
		if _, err := DecodeMessage(append(bytes.Clone(f.Data), 0), protocol.Tiny()); err == nil {
			t.Error("an octet after the end is accepted")
		}
		for n := 0; n < len(f.Data); n += 1 + len(f.Data)/200 {
			if _, err := DecodeMessage(f.Data[:n], protocol.Tiny()); err == nil {
				t.Errorf("accepted when cut to %d of %d octets", n, len(f.Data))
			}
		}
	})
}

func TestRefusedMessages(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   string
		want error
	}{
		{"unknown kind", "06", ErrKind},
		{"text that is no UTF-8", "ff01ff", ErrText},
		{"name that is no UTF-8", "000102000000000700000119" + "02c328", ErrText},
	} {
		in, err := hex.DecodeString(tc.in)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeMessage(in, protocol.Tiny()); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

func FuzzMessage(f *testing.F) {
	if _, ok := vectors.Find(); ok {
		for v := range vectors.Files(f, "fuzz-proto", ".bin") {
			if len(v.Data) < 20_000 {
				f.Add(v.Data)
			}
		}
	}
	f.Add([]byte{1})
	f.Add([]byte{5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMessage(b, protocol.Tiny())
		if err != nil {
			if _, ok := errors.AsType[protocol.Invalid](err); !ok {
				t.Errorf("%v is no rule", err)
			}
			return
		}
		if got := m.AppendTo(nil); !bytes.Equal(got, b) {
			t.Errorf("encodes as %x, was %x", got, b)
		}
	})
}
