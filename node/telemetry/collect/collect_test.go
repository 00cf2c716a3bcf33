package collect

import (
	"bytes"
	"encoding/binary"
	"testing"

	"damson/internal/protocol"
	"damson/node/telemetry"
)

// stream gives what a node may tell.
func stream() []byte {
	message := func(b, content []byte) []byte {
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...)
	}
	n := telemetry.Node{Params: protocol.Tiny(), Implementation: "Damson"}
	out := message(nil, n.AppendTo(nil))
	for _, e := range []telemetry.Event{
		{Code: telemetry.Dropped, Values: []any{telemetry.Time(1), uint64(5)}},
		{Code: telemetry.SyncStatusChanged, Values: []any{true}},
		{Code: telemetry.PeerMisbehaved, Values: []any{telemetry.Peer{1}, "why"}},
	} {
		content, _ := e.AppendTo(nil)
		out = message(out, content)
	}
	return out
}

func TestRead(t *testing.T) {
	var ids []uint64
	read := func(b []byte) error {
		ids = nil
		return Read(bytes.NewReader(b), new(Source), func(e *telemetry.Event) {
			if e != nil {
				ids = append(ids, e.ID)
			}
		})
	}
	whole := stream()
	if err := read(whole); err != nil || len(ids) != 3 || ids[1] != 5 || ids[2] != 6 {
		t.Errorf("%v %v", ids, err)
	}
	for _, cut := range []int{0, 3, 4, 20, len(whole) - 1} {
		if read(whole[:cut]) == nil {
			t.Errorf("cut after %d octets", cut)
		}
	}
	if read(append(bytes.Clone(whole), 0xff, 0xff, 0xff, 0xff)) == nil {
		t.Error("a message of 4 GiB is taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(stream())
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = Read(bytes.NewReader(b), new(Source), func(*telemetry.Event) {})
	})
}
