package telemetry

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/loop"
)

// Hash is one that is written in hexadecimal.
type Hash protocol.Hash

// MarshalText gives the hash with 0x in front.
func (h Hash) MarshalText() ([]byte, error) { return hexText(h[:]), nil }

// Peer is a node's Ed25519 key.
type Peer protocol.Ed25519Key

// MarshalText gives the key with 0x in front.
func (p Peer) MarshalText() ([]byte, error) { return hexText(p[:]), nil }

// Octets are written in hexadecimal.
type Octets []byte

// MarshalText gives the octets with 0x in front.
func (o Octets) MarshalText() ([]byte, error) { return hexText(o), nil }

func hexText(b []byte) []byte { return hex.AppendEncode([]byte("0x"), b) }

// Time is in microseconds since the JAM Common Era.
type Time uint64

// MarshalText gives the time as RFC 3339 has it.
func (t Time) MarshalText() ([]byte, error) {
	at := loop.CommonEra.Add(time.Duration(min(uint64(t), uint64(1<<63-1)/1000)) * time.Microsecond)
	return at.UTC().AppendFormat(nil, time.RFC3339Nano), nil
}

// Side is an end of a connection.
type Side uint8

// The sides.
const (
	Local Side = iota
	Remote
)

// MarshalText names the side.
func (s Side) MarshalText() ([]byte, error) {
	if s == Remote {
		return []byte("remote"), nil
	}
	return []byte("local"), nil
}

// OptionalSide is a side, or none.
type OptionalSide struct {
	Side  Side
	Known bool
}

// MarshalText names the side; none has an empty name.
func (s OptionalSide) MarshalText() ([]byte, error) {
	if !s.Known {
		return nil, nil
	}
	return s.Side.MarshalText()
}

// Outline says what a block has.
type Outline struct {
	Size         uint32 `json:"size"`
	Hash         Hash   `json:"hash"` // of the header
	Tickets      uint32 `json:"tickets"`
	Preimages    uint32 `json:"preimages"`
	PreimageSize uint32 `json:"preimage_size"`
	Guarantees   uint32 `json:"guarantees"`
	Assurances   uint32 `json:"assurances"`
	Verdicts     uint32 `json:"verdicts"`
}

// Cost is gas, and time in nanoseconds.
type Cost struct {
	Gas     uint64 `json:"gas"`
	Elapsed uint64 `json:"elapsed_ns"`
}

// AuthorizationCost is that of Ψ_I.
type AuthorizationCost struct {
	Total Cost   `json:"total"`
	Load  uint64 `json:"load_ns"`
	Host  Cost   `json:"host"`
}

// RefineCost is that of Ψ_R for one item.
type RefineCost struct {
	Total   Cost   `json:"total"`
	Load    uint64 `json:"load_ns"`
	Lookup  Cost   `json:"historical_lookup"`
	Machine Cost   `json:"machine_expunge"`
	Memory  Cost   `json:"peek_poke_pages"`
	Invoke  Cost   `json:"invoke"`
	Other   Cost   `json:"other"`
}

// AccumulateCost is that of all Ψ_A of one service in a block.
type AccumulateCost struct {
	Service     protocol.ServiceID `json:"service"`
	Calls       uint32             `json:"calls"`
	Transfers   uint32             `json:"transfers"`
	Items       uint32             `json:"items"`
	Total       Cost               `json:"total"`
	Load        uint64             `json:"load_ns"`
	ReadWrite   Cost               `json:"read_write"`
	Lookup      Cost               `json:"lookup"`
	Preimages   Cost               `json:"query_solicit_forget_provide"`
	Services    Cost               `json:"info_new_upgrade_eject"`
	Transfer    Cost               `json:"transfer"`
	TransferGas uint64             `json:"transfer_gas"`
	Other       Cost               `json:"other"`
}

// Import names an imported segment.
type Import struct {
	Root  Hash   `json:"root"`
	Index uint16 `json:"index"` // plus 2^15 if the root is a package's hash
}

// Item says what a work item has.
type Item struct {
	Service         protocol.ServiceID `json:"service"`
	Payload         uint32             `json:"payload_size"`
	RefineGas       uint64             `json:"refine_gas"`
	AccumulateGas   uint64             `json:"accumulate_gas"`
	ExtrinsicOctets uint32             `json:"extrinsic_size"`
	Imports         []Import           `json:"imports"`
	Exports         uint16             `json:"exports"`
}

// Package says what a work package has.
type Package struct {
	Size          uint32        `json:"size"`
	Hash          Hash          `json:"hash"`
	Anchor        Hash          `json:"anchor"`
	LookupSlot    protocol.Slot `json:"lookup_anchor_slot"`
	Prerequisites []Hash        `json:"prerequisites"`
	Items         []Item        `json:"items"`
}

// Report names a work report.
type Report struct {
	Hash        Hash   `json:"hash"`
	BundleSize  uint32 `json:"bundle_size"`
	ErasureRoot Hash   `json:"erasure_root"`
	SegmentRoot Hash   `json:"segments_root"`
}

// Guarantee names a guaranteed report.
type Guarantee struct {
	Report     Hash                 `json:"report"`
	Slot       protocol.Slot        `json:"slot"`
	Guarantors []protocol.Validator `json:"guarantors"`
}

// ShardOf is a shard of an imported segment, or of a page with proofs.
type ShardOf struct {
	Segment uint16 `json:"segment"` // its index among the imports, plus 2^15 for the page that proves it
	Shard   uint16 `json:"shard"`
}

// PerCore has an octet for each core.
type PerCore []uint8

// MarshalJSON gives numbers.
func (p PerCore) MarshalJSON() ([]byte, error) {
	text := make([]string, len(p))
	for i, n := range p {
		text[i] = fmt.Sprint(n)
	}
	return []byte("[" + strings.Join(text, ",") + "]"), nil
}

// Bounds of what is decoded, where the document has none: a message is no longer than maxMessage.
const (
	maxList   = 1 << 16
	maxReason = 128
)

// kind is how a field is encoded.
type kind interface {
	put(b []byte, v any) ([]byte, bool)
	get(d *codec.Decoder, p *protocol.Params) any
}

// as is the kind of values of type T.
type as[T any] struct {
	to   func([]byte, T) []byte
	from func(*codec.Decoder, *protocol.Params) T
}

func (k as[T]) put(b []byte, v any) ([]byte, bool) {
	t, ok := v.(T)
	if ok {
		b = k.to(b, t)
	}
	return b, ok
}

func (k as[T]) get(d *codec.Decoder, p *protocol.Params) any { return k.from(d, p) }

func list[T any](each as[T], least int) as[[]T] {
	return as[[]T]{
		func(b []byte, v []T) []byte {
			b = codec.AppendCount(b, len(v))
			for i := range v {
				b = each.to(b, v[i])
			}
			return b
		},
		func(d *codec.Decoder, p *protocol.Params) []T {
			v := make([]T, d.Count(maxList, least))
			for i := range v {
				v[i] = each.from(d, p)
			}
			return v
		},
	}
}

func text(most int) as[string] {
	return as[string]{
		func(b []byte, v string) []byte { return codec.AppendBlob(b, []byte(cut(v, most))) },
		func(d *codec.Decoder, _ *protocol.Params) string {
			v := d.Blob()
			if len(v) > most || !utf8.Valid(v) {
				d.Fail(ErrText)
			}
			return string(v)
		},
	}
}

// cut makes a text valid UTF-8 of at most so many octets.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// address is an IPv6 address, and a port.
var address = as[netip.AddrPort]{
	func(b []byte, v netip.AddrPort) []byte {
		var octets [16]byte
		if v.IsValid() {
			octets = v.Addr().As16()
		}
		return codec.AppendU16(append(b, octets[:]...), v.Port())
	},
	func(d *codec.Decoder, _ *protocol.Params) netip.AddrPort {
		var octets [16]byte
		d.Copy(octets[:])
		return netip.AddrPortFrom(netip.AddrFrom16(octets).Unmap(), d.U16())
	},
}

// What is not what it should be.
const (
	ErrText  = protocol.Invalid("telemetry/bad_text")
	ErrEnum  = protocol.Invalid("telemetry/no_such_choice")
	ErrEvent = protocol.Invalid("telemetry/no_such_event")
)

func enum(most uint8) as[uint8] {
	return as[uint8]{
		func(b []byte, v uint8) []byte { return append(b, v) },
		func(d *codec.Decoder, _ *protocol.Params) uint8 {
			v := d.U8()
			if v > most {
				d.Fail(ErrEnum)
			}
			return v
		},
	}
}

var (
	u16  = as[uint16]{codec.AppendU16, func(d *codec.Decoder, _ *protocol.Params) uint16 { return d.U16() }}
	u32  = as[uint32]{codec.AppendU32, func(d *codec.Decoder, _ *protocol.Params) uint32 { return d.U32() }}
	u64  = as[uint64]{codec.AppendU64, func(d *codec.Decoder, _ *protocol.Params) uint64 { return d.U64() }}
	flag = as[bool]{codec.AppendBool, func(d *codec.Decoder, _ *protocol.Params) bool { return d.Bool() }}

	reason = text(maxReason)
	hash   = as[Hash]{
		func(b []byte, v Hash) []byte { return append(b, v[:]...) },
		func(d *codec.Decoder, _ *protocol.Params) Hash { return Hash(d.Hash()) },
	}
	key = as[Peer]{
		func(b []byte, v Peer) []byte { return append(b, v[:]...) },
		func(d *codec.Decoder, _ *protocol.Params) Peer { return Peer(d.Hash()) },
	}
	timestamp = as[Time]{
		func(b []byte, v Time) []byte { return codec.AppendU64(b, uint64(v)) },
		func(d *codec.Decoder, _ *protocol.Params) Time { return Time(d.U64()) },
	}
	slot = as[protocol.Slot]{
		func(b []byte, v protocol.Slot) []byte { return codec.AppendU32(b, uint32(v)) },
		func(d *codec.Decoder, _ *protocol.Params) protocol.Slot { return protocol.Slot(d.U32()) },
	}
	service = as[protocol.ServiceID]{
		func(b []byte, v protocol.ServiceID) []byte { return codec.AppendU32(b, uint32(v)) },
		func(d *codec.Decoder, _ *protocol.Params) protocol.ServiceID { return protocol.ServiceID(d.U32()) },
	}
	core = as[protocol.Core]{
		func(b []byte, v protocol.Core) []byte { return codec.AppendU16(b, uint16(v)) },
		func(d *codec.Decoder, _ *protocol.Params) protocol.Core { return protocol.Core(d.U16()) },
	}
	validator = as[protocol.Validator]{
		func(b []byte, v protocol.Validator) []byte { return codec.AppendU16(b, uint16(v)) },
		func(d *codec.Decoder, _ *protocol.Params) protocol.Validator { return protocol.Validator(d.U16()) },
	}
	// attempt is 0 or 1 in JIP-3, as for N = 2. Where there are more attempts, as on tiny chains, their numbers are what they are.
	attempt = as[uint8]{
		func(b []byte, v uint8) []byte { return append(b, v) },
		func(d *codec.Decoder, p *protocol.Params) uint8 {
			v := d.U8()
			if int(v) >= p.TicketAttempts {
				d.Fail(ErrEnum)
			}
			return v
		},
	}
	side = as[Side]{
		func(b []byte, v Side) []byte { return append(b, byte(v)) },
		func(d *codec.Decoder, p *protocol.Params) Side { return Side(enum(1).from(d, p)) },
	}
	optionalSide = as[OptionalSide]{
		func(b []byte, v OptionalSide) []byte {
			if !v.Known {
				return append(b, 0)
			}
			return append(b, 1, byte(v.Side))
		},
		func(d *codec.Decoder, p *protocol.Params) (v OptionalSide) {
			if v.Known = d.Bool(); v.Known {
				v.Side = side.from(d, p)
			}
			return v
		},
	}
	perCore = as[PerCore]{
		func(b []byte, v PerCore) []byte { return append(b, v...) },
		func(d *codec.Decoder, p *protocol.Params) PerCore { return PerCore(d.Bytes(p.Cores)) },
	}
	bitfield = as[Octets]{
		func(b []byte, v Octets) []byte { return append(b, v...) },
		func(d *codec.Decoder, p *protocol.Params) Octets { return Octets(d.Bytes(p.BitfieldOctets())) },
	}
)
