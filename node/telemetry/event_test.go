package telemetry

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"damson/internal/protocol"
)

// filled makes a value of a type with something in each of its parts.
func filled(t reflect.Type, n *uint64) reflect.Value {
	v := reflect.New(t).Elem()
	*n++
	switch t {
	case reflect.TypeFor[netip.AddrPort]():
		return reflect.ValueOf(netip.MustParseAddrPort("192.0.2.1:40000"))
	case reflect.TypeFor[Side]():
		return reflect.ValueOf(Remote)
	}
	switch t.Kind() {
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(*n)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("why ☇")
	case reflect.Array:
		for i := range t.Len() {
			v.Index(i).SetUint(*n & 255)
		}
	case reflect.Slice:
		for range 2 {
			v = reflect.Append(v, filled(t.Elem(), n))
		}
	case reflect.Struct:
		for i := range t.NumField() {
			v.Field(i).Set(filled(t.Field(i).Type, n))
		}
	default:
		panic(t)
	}
	return v
}

// sample makes an event with something in each field.
func sample(code Code, p *protocol.Params) *Event {
	e := &Event{ID: 7, Time: 1234567890123456, Code: code}
	n := uint64(code) << 8
	for _, f := range forms[code].fields {
		method, _ := reflect.TypeOf(f.kind).FieldByName("to")
		v := filled(method.Type.In(1), &n).Interface()
		switch v := v.(type) {
		case PerCore:
			e.Values = append(e.Values, append(v, make(PerCore, p.Cores-len(v))...))
		case Octets:
			e.Values = append(e.Values, v[:p.BitfieldOctets()])
		default:
			e.Values = append(e.Values, v)
		}
	}
	return e
}

func eachForm(do func(Code)) (count int) {
	for code := range forms {
		if forms[code].name != "" {
			do(Code(code))
			count++
		}
	}
	return count
}

func TestRoundTrip(t *testing.T) {
	p := protocol.Tiny()
	count := eachForm(func(code Code) {
		e := sample(code, p)
		b, ok := e.AppendTo(nil)
		if !ok {
			t.Fatalf("%v is not encoded", code)
		}
		back := &Event{ID: 7}
		if err := back.Decode(b, p); err != nil {
			t.Fatalf("%v: %v", code, err)
		}
		if !reflect.DeepEqual(e, back) {
			t.Errorf("%v: %+v became %+v", code, e, back)
		}
		for cut := range b {
			if back.Decode(b[:cut], p) == nil {
				t.Errorf("%v: decoded from %d of %d octets", code, cut, len(b))
			}
		}
		text, err := json.Marshal(e)
		if err != nil || !json.Valid(text) {
			t.Errorf("%v: %v: %s", code, err, text)
		}
	})
	if count != 115 {
		t.Errorf("%d events, JIP-3 has 115", count)
	}
}

// TestOctets holds some events against what the document says, octet for octet.
func TestOctets(t *testing.T) {
	p := protocol.Tiny()
	rest := func(code Code, values ...any) []byte {
		e := Event{Time: 0x0102030405060708, Code: code, Values: values}
		b, ok := e.AppendTo(nil)
		if !ok {
			t.Fatalf("%v is not encoded", code)
		}
		if want := []byte{8, 7, 6, 5, 4, 3, 2, 1, byte(code)}; !bytes.Equal(b[:9], want) {
			t.Errorf("%v begins with %x, want %x", code, b[:9], want)
		}
		return b[9:]
	}
	for _, tc := range []struct {
		name      string
		got, want []byte
	}{
		{"dropped", rest(Dropped, Time(5), uint64(9)), []byte{5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}},
		{"address", rest(ConnectingIn, netip.MustParseAddrPort("1.2.3.4:258")), append(append(make([]byte, 10), 0xff, 0xff, 1, 2, 3, 4), 2, 1)},
		{"reason", rest(ConnectInFailed, uint64(1), "no"), []byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 'n', 'o'}},
		{"by nobody", rest(Disconnected, Peer{}, OptionalSide{}, ""), make([]byte, 34)},
		{"by the peer", rest(Disconnected, Peer{}, OptionalSide{Remote, true}, "")[32:], []byte{1, 1, 0}},
		{
			"cores", rest(Status, uint32(1), uint32(2), uint32(3), PerCore{4, 5}, uint32(6), uint64(7), uint32(8), uint32(9)),
			[]byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 5, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0},
		},
		{
			"costs", rest(BlockExecuted, uint64(1), []AccumulateCost{{Service: 2}}),
			append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0}, make([]byte, 3*4+16+8+5*16+8+16)...),
		},
	} {
		if !bytes.Equal(tc.got, tc.want) {
			t.Errorf("%s: %x, want %x", tc.name, tc.got, tc.want)
		}
	}
	if _, ok := (&Event{Code: BestBlockChanged, Values: []any{uint32(1), Hash{}}}).AppendTo(nil); ok {
		t.Error("a value of another type is taken")
	}
	long := rest(ConnectInFailed, uint64(1), strings.Repeat("ä", 100)+"\xff")
	var e Event
	if err := e.Decode(append(make([]byte, 8), append([]byte{byte(ConnectInFailed)}, long...)...), p); err != nil || len(e.Values[1].(string)) != 128 {
		t.Errorf("a long reason: %v %v", e.Values, err)
	}
}

func TestNode(t *testing.T) {
	n := Node{
		Params: protocol.Full(), Genesis: Hash{1}, Peer: Peer{2}, Address: netip.MustParseAddrPort("[2001:db8::1]:40000"), Recompiler: true,
		Implementation: "Damson", Version: "1.0", GrayPaper: "0.7.2", Note: "a note",
	}
	b := n.AppendTo(nil)
	if want := 1 + 134 + 32 + 32 + 18 + 4 + 7 + 4 + 6 + 7; len(b) != want {
		t.Errorf("%d octets, want %d", len(b), want)
	}
	var back Node
	if err := back.Decode(b); err != nil || !reflect.DeepEqual(n, back) {
		t.Errorf("%+v became %+v: %v", n, back, err)
	}
	for cut := range b {
		if back.Decode(b[:cut]) == nil {
			t.Errorf("decoded from %d octets", cut)
		}
	}
}

// TestDocument demands that the document names every event.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/TELEMETRY.md")
	if err != nil {
		t.Fatal(err)
	}
	eachForm(func(code Code) {
		if !strings.Contains(string(text), "`"+code.String()+"`") {
			t.Errorf("docs/TELEMETRY.md does not say what is sent of %v", code)
		}
	})
}

func FuzzEvent(f *testing.F) {
	p := protocol.Tiny()
	eachForm(func(code Code) {
		b, _ := sample(code, p).AppendTo(nil)
		f.Add(b)
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Event
		if e.Decode(b, p) != nil {
			return
		}
		again, ok := e.AppendTo(nil)
		if !ok || !bytes.Equal(b, again) {
			t.Errorf("%x became %x", b, again)
		}
		if _, err := json.Marshal(&e); err != nil {
			t.Error(err)
		}
	})
}

func FuzzNode(f *testing.F) {
	n := Node{Params: protocol.Tiny(), Implementation: "x"}
	f.Add(n.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n Node
		if n.Decode(b) == nil && !bytes.Equal(n.AppendTo(nil), b) {
			t.Errorf("%x became %x", b, n.AppendTo(nil))
		}
	})
}
