// Package conformance speaks the fuzz protocol, version 1, by which implementations of JAM are compared over a Unix
// socket: as the target that imports the blocks it is sent ([Target]), and as the side that sends them ([Drive]).
//
// message.go has the messages and wire.go their framing. target.go and session.go serve, chain.go keeps the states
// of a session. drive.go goes through traces, and stats.go has the figures of the published reports.
package conformance

import (
	"unicode/utf8"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/trace"
	"damson/state/trie"
)

// Kind tells messages apart: their first octet.
type Kind uint8

// The kinds of messages.
const (
	KindPeerInfo    Kind = 0
	KindInitialize  Kind = 1
	KindStateRoot   Kind = 2
	KindImportBlock Kind = 3
	KindGetState    Kind = 4
	KindState       Kind = 5
	KindError       Kind = 255
)

func (k Kind) String() string {
	switch k {
	case KindPeerInfo:
		return "PeerInfo"
	case KindInitialize:
		return "Initialize"
	case KindStateRoot:
		return "StateRoot"
	case KindImportBlock:
		return "ImportBlock"
	case KindGetState:
		return "GetState"
	case KindState:
		return "State"
	case KindError:
		return "Error"
	}
	return "unknown message"
}

// Features are what both sides of a session must know of. A session has those that both offer.
type Features uint32

// The features.
const (
	FeatureAncestry Features = 1 << 0 // lookup anchors must be known ancestors; Initialize tells of earlier ones
	FeatureForks    Features = 1 << 1 // blocks may have siblings
)

// ProtocolVersion is the version of the fuzz protocol.
const ProtocolVersion = 1

// Why a message is refused.
const (
	ErrKind = protocol.Invalid("fuzz/unknown_message")
	ErrText = protocol.Invalid("fuzz/text_is_not_utf8")
)

// Version is of a protocol or a program.
type Version struct {
	Major uint8 `json:"major"`
	Minor uint8 `json:"minor"`
	Patch uint8 `json:"patch"`
}

// PeerInfo says who a side is and what it can do. Its JSON is that of the published reports.
type PeerInfo struct {
	Protocol uint8    `json:"fuzz_version"`
	Features Features `json:"fuzz_features"`
	JAM      Version  `json:"jam_version"`
	App      Version  `json:"app_version"`
	Name     string   `json:"app_name"`
}

// Ancestor is a block before the first that is imported.
type Ancestor struct {
	Slot protocol.Slot
	Hash protocol.Hash
}

// Initialize begins a chain with a state, which is to be taken as it is. The header is just its name.
type Initialize struct {
	Header     block.Header
	HeaderHash protocol.Hash
	Entries    []trie.Change // values alias the message
	Ancestry   []Ancestor
}

// Message is one message, of either side. Only the field of its kind counts.
type Message struct {
	Kind       Kind
	PeerInfo   PeerInfo
	Initialize *Initialize
	Hash       protocol.Hash // a state root (StateRoot), or of a header (GetState)
	Block      []byte        // still encoded; it aliases the message
	Entries    []trie.Change // of a state; values alias the message
	Text       string        // of an error
}

// DecodeMessage reads a message, which must not change afterwards. Errors wrap protocol.Invalid.
func DecodeMessage(b []byte, p *protocol.Params) (*Message, error) {
	d := codec.NewDecoder(b)
	d.Field("message")
	m := &Message{Kind: Kind(d.U8())}
	switch m.Kind {
	case KindPeerInfo:
		m.PeerInfo.decodeFrom(&d)
	case KindInitialize:
		m.Initialize = decodeInitialize(&d, p)
	case KindStateRoot, KindGetState:
		d.Field(m.Kind.String())
		m.Hash = d.Hash()
	case KindImportBlock:
		m.Block = d.Bytes(len(d.Rest()))
	case KindState:
		m.Entries = trace.DecodeEntries(&d, "state")
	case KindError:
		m.Text = decodeText(&d, "error")
	default:
		d.Fail(ErrKind)
	}
	if err := d.Finish(); err != nil {
		return nil, err
	}
	return m, nil
}

// AppendTo appends the message.
func (m *Message) AppendTo(b []byte) []byte {
	b = append(b, byte(m.Kind))
	switch m.Kind {
	case KindPeerInfo:
		b = m.PeerInfo.appendTo(b)
	case KindInitialize:
		b = m.Initialize.appendTo(b)
	case KindStateRoot, KindGetState:
		b = append(b, m.Hash[:]...)
	case KindImportBlock:
		b = append(b, m.Block...)
	case KindState:
		b = trace.AppendEntries(b, m.Entries)
	case KindError:
		b = codec.AppendBlob(b, []byte(m.Text))
	}
	return b
}

func (v *PeerInfo) decodeFrom(d *codec.Decoder) {
	d.Field("peer_info")
	v.Protocol = d.U8()
	v.Features = Features(d.U32())
	for _, version := range []*Version{&v.JAM, &v.App} {
		version.Major, version.Minor, version.Patch = d.U8(), d.U8(), d.U8()
	}
	v.Name = decodeText(d, "peer_info.app_name")
}

func (v *PeerInfo) appendTo(b []byte) []byte {
	b = codec.AppendU32(append(b, v.Protocol), uint32(v.Features))
	for _, version := range []Version{v.JAM, v.App} {
		b = append(b, version.Major, version.Minor, version.Patch)
	}
	return codec.AppendBlob(b, []byte(v.Name))
}

func decodeText(d *codec.Decoder, name string) string {
	d.Field(name)
	text := d.Blob()
	if !utf8.Valid(text) {
		d.Fail(ErrText)
		return ""
	}
	return string(text)
}

func decodeInitialize(d *codec.Decoder, p *protocol.Params) *Initialize {
	v := new(Initialize)
	before := d.Rest()
	v.Header.DecodeFrom(d, p)
	v.HeaderHash = blake2b.Sum256(before[:len(before)-len(d.Rest())])
	v.Entries = trace.DecodeEntries(d, "initialize")
	d.Field("initialize.ancestry")
	v.Ancestry = make([]Ancestor, d.Count(int(p.LookupAnchorAge), 36))
	for i := range v.Ancestry {
		v.Ancestry[i] = Ancestor{protocol.Slot(d.U32()), d.Hash()}
	}
	return v
}

func (v *Initialize) appendTo(b []byte) []byte {
	b = trace.AppendEntries(v.Header.AppendTo(b), v.Entries)
	b = codec.AppendCount(b, len(v.Ancestry))
	for i := range v.Ancestry {
		b = codec.AppendU32(b, uint32(v.Ancestry[i].Slot))
		b = append(b, v.Ancestry[i].Hash[:]...)
	}
	return b
}
