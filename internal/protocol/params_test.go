package protocol

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The encodings that a node of each public chain answers to the fetch host call.
const (
	fullHex = "0a00000000000000010000000000000064000000000000005501004b000058020000809698000000000080f0fa" +
		"020000000000f2052a0100000000c39dd00000000008001000080010004038000002000800060050000a008000" +
		"0500ff0300fa00008070d20000093d00ac020000000c00000600000000c0000080000000000c0000f4010000"
	tinyHex = "0a00000000000000010000000000000064000000000000000200200000000c000000809698000000000080f0fa" +
		"020000000000ca9a3b00000000002d310100000000080010000800030018000000030008000600500004008000" +
		"0500060000fa00008070d20000093d0004000000000c00000204000000c0000080000000000c00000a000000"
)

func TestParamsEncoding(t *testing.T) {
	for name, want := range map[string]string{"full": fullHex, "tiny": tinyHex} {
		p, ok := Named(name)
		if !ok {
			t.Fatalf("no chain %q", name)
		}
		enc := p.AppendTo(nil)
		if got := hex.EncodeToString(enc); got != want {
			t.Errorf("%s encodes as %s, want %s", name, got, want)
		}
		back, err := DecodeParams(enc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if *back != *p {
			t.Errorf("%s decodes as %+v, want %+v", name, *back, *p)
		}
	}
}

func TestDerived(t *testing.T) {
	full, tiny := Full(), Tiny()
	for _, tc := range []struct {
		name      string
		got, want int
	}{
		{"full segment", full.SegmentOctets(), 4104},
		{"tiny segment", tiny.SegmentOctets(), 4104},
		{"full footprint", full.SegmentFootprint(), 4488},
		{"full super-majority", full.SuperMajority(), 683},
		{"tiny super-majority", tiny.SuperMajority(), 5},
		{"full recovery", full.RecoveryThreshold(), 342},
		{"tiny recovery", tiny.RecoveryThreshold(), 2},
		{"full bitfield", full.BitfieldOctets(), 43},
		{"tiny bitfield", tiny.BitfieldOctets(), 1},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, tc.got, tc.want)
		}
	}
}

func TestDecodeParamsRefuses(t *testing.T) {
	if _, err := DecodeParams(make([]byte, 133)); err == nil {
		t.Error("133 octets accepted")
	}
	broken := Tiny()
	broken.ContestLength = broken.EpochLength
	if _, err := DecodeParams(broken.AppendTo(nil)); err == nil || !strings.Contains(err.Error(), "Y must be less than E") {
		t.Errorf("Y = E: %v", err)
	}
	if _, err := DecodeParams(make([]byte, ParamsSize)); err == nil {
		t.Error("all zero accepted")
	}
}

func TestInvalidCode(t *testing.T) {
	if got := Invalid("safrole/bad_slot").Code(); got != "bad_slot" {
		t.Errorf("code %q", got)
	}
}
