package trace

import (
	"bytes"
	"testing"

	"damson/internal/protocol"
	"damson/internal/vectors"
)

// TestRoundTrip reads the first steps of a family, checks both roots, and writes them again.
func TestRoundTrip(t *testing.T) {
	n := 0
	for f := range vectors.Files(t, "traces/storage_light", ".bin") {
		if bytes.HasSuffix([]byte(f.Name), []byte("genesis.bin")) {
			g, err := DecodeGenesis(f.Data, protocol.Tiny())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(g.AppendTo(nil), f.Data) {
				t.Error("the genesis encodes differently")
			}
			continue
		}
		s, err := DecodeStep(f.Data, protocol.Tiny())
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		if !bytes.Equal(s.AppendTo(nil), f.Data) {
			t.Errorf("%s encodes differently", f.Path)
		}
		for _, raw := range []*RawState{&s.Pre, &s.Post} {
			post, err := raw.State(protocol.Tiny())
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			if again := Raw(post); !bytes.Equal(again.AppendTo(nil), raw.AppendTo(nil)) {
				t.Errorf("%s: the state's entries differ", f.Path)
			}
		}
		if n++; n == 10 {
			break
		}
	}
}

func FuzzStep(f *testing.F) {
	if _, ok := vectors.Find(); ok {
		for v := range vectors.Files(f, "traces/fallback", "00000012.bin") {
			s, err := DecodeStep(v.Data, protocol.Tiny())
			if err != nil {
				f.Fatal(err)
			}
			s.Pre.Entries, s.Post.Entries = s.Pre.Entries[9:11], s.Post.Entries[9:11] // small inputs are tried more often
			f.Add(s.AppendTo(nil))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := DecodeStep(in, protocol.Tiny())
		if err != nil {
			return
		}
		if !bytes.Equal(s.AppendTo(nil), in) {
			t.Error("a step has two encodings")
		}
	})
}
