// Package telemetry tells a server what a node does, as JIP-3 has it.
//
// forms.go is the table of events, value.go and outline.go have what stands in them, event.go how they are encoded and decoded.
// report.go sends them: it never makes the node wait, and counts what it has to drop. The other files are where events come from:
// network.go and serve.go stand between the node and its network, requests.go and answers.go know the kinds of streams,
// watch.go follows the chain and the author, work.go the guarantor. docs/TELEMETRY.md says of each event what is sent, and why some are not.
package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/loop"
)

// TimeOf gives a time as telemetry has it.
func TimeOf(t time.Time) Time { return Time(max(0, t.Sub(loop.CommonEra).Microseconds())) }

// Event is what has happened.
type Event struct {
	ID     uint64
	Time   Time
	Code   Code
	Values []any // as forms has the fields
}

// AppendTo appends the content of the event's message. It reports false if the values are not those of its form.
func (e *Event) AppendTo(b []byte) ([]byte, bool) {
	form := &forms[e.Code]
	if len(form.fields) != len(e.Values) || form.name == "" {
		return b, false
	}
	b = append(codec.AppendU64(b, uint64(e.Time)), byte(e.Code))
	for i := range e.Values {
		var ok bool
		if b, ok = form.fields[i].kind.put(b, e.Values[i]); !ok {
			return b, false
		}
	}
	return b, true
}

// Decode reads the content of a message.
func (e *Event) Decode(b []byte, p *protocol.Params) error {
	d := codec.NewDecoder(b)
	d.Field("event")
	e.Time, e.Code = Time(d.U64()), Code(d.U8())
	form := &forms[e.Code]
	if form.name == "" {
		d.Fail(ErrEvent)
	}
	e.Values = make([]any, len(form.fields))
	for i := range form.fields {
		d.Field(form.fields[i].name)
		e.Values[i] = form.fields[i].kind.get(&d, p)
	}
	return d.Finish()
}

// Value gives a field by its name; nil if the event has none of the name.
func (e *Event) Value(name string) any {
	for i, f := range forms[e.Code].fields {
		if f.name == name {
			return e.Values[i]
		}
	}
	return nil
}

// Next gives the ID of the event that follows.
func (e *Event) Next() uint64 {
	if e.Code == Dropped {
		if n, ok := e.Values[1].(uint64); ok {
			return e.ID + n
		}
	}
	return e.ID + 1
}

// MarshalJSON writes the fields by their names, in their order.
func (e *Event) MarshalJSON() ([]byte, error) {
	out := fmt.Appendf(nil, `{"id":%d,"time":`, e.ID)
	at, err := json.Marshal(e.Time)
	if err != nil {
		return nil, err
	}
	out = fmt.Appendf(append(out, at...), `,"event":%q,"code":%d`, e.Code.String(), e.Code)
	for i, f := range forms[e.Code].fields {
		v, err := json.Marshal(e.Values[i])
		if err != nil {
			return nil, err
		}
		name := f.name
		if name == "event" {
			name = "of"
		}
		out = append(fmt.Appendf(out, `,%q:`, name), v...)
	}
	return append(out, '}'), nil
}

// Text gives the fields for people: their names and values, with a blank before each.
func (e *Event) Text() string {
	var out []byte
	for i, f := range forms[e.Code].fields {
		text, err := json.Marshal(e.Values[i])
		if err != nil {
			text = []byte(err.Error())
		}
		out = append(fmt.Appendf(out, " %s=", f.name), bytes.Trim(text, `"`)...)
	}
	return string(out)
}

// Codes gives the codes of all events, ascending.
func Codes() iter.Seq[Code] {
	return func(yield func(Code) bool) {
		for code := range forms {
			if forms[code].name != "" && !yield(Code(code)) {
				return
			}
		}
	}
}

// Node is what a node says of itself, first on each connection.
type Node struct {
	Params         *protocol.Params `json:"-"`
	Genesis        Hash             `json:"genesis"`
	Peer           Peer             `json:"peer"`
	Address        netip.AddrPort   `json:"address"`
	Recompiler     bool             `json:"recompiler"`
	Implementation string           `json:"implementation"`
	Version        string           `json:"version"`
	GrayPaper      string           `json:"gray_paper"`
	Note           string           `json:"note,omitempty"`
}

const (
	protocolVersion = 0
	maxName         = 32
	maxPaper        = 16
	maxNote         = 512
	// ErrVersion means that a node speaks another version of the protocol.
	ErrVersion = protocol.Invalid("telemetry/unknown_version")
	// ErrFlags means that a node sets flags that have no meaning.
	ErrFlags = protocol.Invalid("telemetry/unknown_flags")
)

// AppendTo appends the content of the message.
func (n *Node) AppendTo(b []byte) []byte {
	b = n.Params.AppendTo(append(b, protocolVersion))
	b = append(append(b, n.Genesis[:]...), n.Peer[:]...)
	flags := uint32(0)
	if n.Recompiler {
		flags = 1
	}
	b = codec.AppendU32(address.to(b, n.Address), flags)
	b = text(maxName).to(text(maxName).to(b, n.Implementation), n.Version)
	return text(maxNote).to(text(maxPaper).to(b, n.GrayPaper), n.Note)
}

// Decode reads the content of the message.
func (n *Node) Decode(b []byte) error {
	d := codec.NewDecoder(b)
	d.Field("node")
	if d.U8() != protocolVersion {
		d.Fail(ErrVersion)
	}
	octets := d.Bytes(protocol.ParamsSize)
	if d.Err() != nil {
		return d.Err()
	}
	p, err := protocol.DecodeParams(octets)
	if err != nil {
		return fmt.Errorf("telemetry: parameters: %w", err)
	}
	n.Params = p
	n.Genesis, n.Peer = hash.from(&d, p), key.from(&d, p)
	n.Address = address.from(&d, p)
	flags := d.U32()
	if flags > 1 {
		d.Fail(ErrFlags)
	}
	n.Recompiler = flags == 1
	n.Implementation, n.Version = text(maxName).from(&d, p), text(maxName).from(&d, p)
	n.GrayPaper, n.Note = text(maxPaper).from(&d, p), text(maxNote).from(&d, p)
	return d.Finish()
}
