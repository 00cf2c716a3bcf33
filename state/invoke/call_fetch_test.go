package invoke

import (
	"encoding/hex"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/protocol"
)

// fetched asks for something and gives it whole, or "NONE".
func (e *env) fetched(what, i, j uint64) string {
	e.Helper()
	v, exists := e.r.fetch(what, i, j)
	if !exists {
		e.ok(1, resultNone, nowhere, 0, 100, what, i, j)
		return "NONE"
	}
	e.ok(1, uint64(len(v)), room, 0, roomSize, what, i, j)
	return string(e.peek(room, len(v)))
}

func TestFetchInRefine(t *testing.T) {
	e := refineEnv(t, entries{})
	summaries := "\x02" + // how many
		"\x05\x00\x00\x00" + strings.Repeat("\x00", 32+8+8+6) + "\x05\x00\x00\x00" +
		"\x64\x00\x00\x00" + strings.Repeat("\x00", 32) + "\x07\x00\x00\x00\x00\x00\x00\x00" + "\x08\x00\x00\x00\x00\x00\x00\x00" +
		"\x09\x00\x00\x00\x00\x00\x06\x00\x00\x00"
	for _, tc := range []struct {
		what, i, j uint64
		want       string
	}{
		{1, 0, 0, strings.Repeat("\x00", 32)},
		{2, 0, 0, "trace"},
		{3, 0, 0, "x00"},
		{3, 1, 1, "x11"},
		{3, 0, 1, "NONE"},
		{3, 2, 0, "NONE"},
		{3, 1 << 63, 0, "NONE"},
		{4, 1, 0, "x11"},
		{4, 2, 0, "NONE"},
		{5, 0, 1, "i01"},
		{5, 1, 0, "i10"},
		{5, 1, 1, "NONE"},
		{5, 2, 0, "NONE"},
		{6, 0, 0, "i10"},
		{6, 1, 0, "NONE"},
		{7, 0, 0, string(e.r.pkg.in.AppendTo(nil))},
		{8, 0, 0, "config"},
		{9, 0, 0, "token"},
		{10, 0, 0, string(e.r.pkg.in.Context.AppendTo(nil))},
		{11, 0, 0, summaries},
		{12, 0, 0, summaries[1 : 1+62]},
		{12, 1, 0, summaries[1+62:]},
		{12, 2, 0, "NONE"},
		{13, 0, 0, "first"},
		{13, 1, 0, "second"},
		{13, 2, 0, "NONE"},
		{14, 0, 0, "NONE"},
		{15, 0, 0, "NONE"},
		{16, 0, 0, "NONE"},
		{1 << 63, 0, 0, "NONE"},
	} {
		if got := e.fetched(tc.what, tc.i, tc.j); got != tc.want {
			t.Errorf("fetch %d %d %d: %q, want %q", tc.what, tc.i, tc.j, got, tc.want)
		}
	}
}

func TestFetchInAuthorize(t *testing.T) {
	e := newEnv(t, authorizing)
	e.r.pkg = refineEnv(t, entries{}).r.pkg
	for what := range uint64(17) {
		exists := what == 0 || what >= 7 && what <= 13
		if got := e.fetched(what, 0, 0); (got != "NONE") != exists {
			t.Errorf("fetch %d: %q", what, got)
		}
	}
	if got := hex.EncodeToString([]byte(e.fetched(0, 0, 0))); !strings.HasPrefix(got, "0a0000000000000001") || len(got) != 2*134 {
		t.Errorf("constants are %s", got)
	}
}

func TestFetchInAccumulate(t *testing.T) {
	e := accumulateEnv(t, entries{})
	e.r.acc.in.Transfers = []Transfer{{Source: 1, Dest: theService, Amount: 3, Memo: Memo{4}, Gas: 5}}
	e.r.acc.in.Operands = []Operand{
		{
			Package: protocol.Hash{1}, ExportsRoot: protocol.Hash{2}, Authorizer: protocol.Hash{3}, PayloadHash: protocol.Hash{4},
			Gas: 300, AuthTrace: []byte("trace"), Result: block.Result{Output: []byte("out")},
		},
		{Result: block.Result{Outcome: block.OutcomePanic}},
	}
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	transfer := "\x01\x01\x00\x00\x00\x64\x00\x00\x00\x03" + zeros(7) + "\x04" + zeros(127) + "\x05" + zeros(7)
	operand := "\x00\x01" + zeros(31) + "\x02" + zeros(31) + "\x03" + zeros(31) + "\x04" + zeros(31) + "\x81\x2c\x00\x03out\x05trace"
	failed := "\x00" + zeros(128) + "\x00\x02\x00"
	for what, want := range map[uint64]string{
		1:  "\xee" + zeros(31),
		14: "\x03" + transfer + operand + failed,
		15: transfer,
	} {
		if got := e.fetched(what, 0, 0); got != want {
			t.Errorf("fetch %d: %x, want %x", what, got, want)
		}
	}
	for i, want := range []string{transfer, operand, failed, "NONE"} {
		if got := e.fetched(15, uint64(i), 0); got != want {
			t.Errorf("input %d: %x, want %x", i, got, want)
		}
	}
	for _, what := range []uint64{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16} {
		if got := e.fetched(what, 0, 0); got != "NONE" {
			t.Errorf("fetch %d: %q", what, got)
		}
	}
}

func TestFetchParts(t *testing.T) {
	e := refineEnv(t, entries{})
	e.ok(1, 6, room, 2, 3, 13, 1)
	e.peekIs(room, "con\x00")
	e.ok(1, 6, nowhere, 6, 3, 13, 1)
	e.ok(1, 6, nowhere, ^uint64(0), ^uint64(0), 13, 1)
	e.ok(1, 6, room, 4, ^uint64(0), 13, 1)
	e.peekIs(room, "ndn\x00")
	e.panicked(1, readOnly, 0, 1, 13, 1)
	e.panicked(1, nowhere, 5, 1, 13, 1)
}
