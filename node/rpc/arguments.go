package rpc

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"damson/internal/protocol"
)

// kind is a type of JIP-2, by the name that it has in openrpc.go.
type kind string

// The kinds. Those before kindParameters are of arguments.
const (
	kindHash    kind = "Hash"
	kindBlob    kind = "Blob"
	kindBlobs   kind = "Blobs"
	kindService kind = "ServiceId"
	kindCore    kind = "CoreIndex"
	kindU32     kind = "U32"
	kindBool    kind = "Boolean"
	kindID      kind = "SubscriptionId"

	kindSlot       kind = "Slot"
	kindSlots      kind = "Slots"
	kindServices   kind = "ServiceIds"
	kindParameters kind = "VersionedParameters"
	kindStatus     kind = "Status"
	kindStage      kind = "Stage"
)

// param is a parameter of a method.
type param struct {
	name     string
	kind     kind
	optional bool // its absence, or null, means the zero value
	about    string
}

// arguments are those of a request, one for each parameter, of the types that decodeArgument gives.
type arguments []any

func (a arguments) hash(i int) protocol.Hash { return a[i].(protocol.Hash) }
func (a arguments) blob(i int) []byte        { return a[i].([]byte) }
func (a arguments) blobs(i int) [][]byte     { return a[i].([][]byte) }
func (a arguments) u32(i int) uint32         { return uint32(a[i].(uint64)) }

// number and service are the first argument, as always.
func (a arguments) number() uint64              { return a[0].(uint64) }
func (a arguments) service() protocol.ServiceID { return protocol.ServiceID(a.u32(0)) }

func (a arguments) bool(i int) bool { return a[i].(bool) }

// decodeArguments reads the arguments for some parameters: by position in an array, or by name in an object.
func decodeArguments(params []param, octets json.RawMessage) (arguments, *Error) {
	values := make([]json.RawMessage, len(params))
	var err *Error
	switch {
	case len(octets) == 0 || octets[0] == 'n':
	case octets[0] == '[':
		err = byPosition(values, octets)
	default:
		err = byName(params, values, octets)
	}
	if err != nil {
		return nil, err
	}
	args := make(arguments, len(params))
	for i, p := range params {
		if values[i] == nil || bytes.Equal(values[i], null) {
			if !p.optional {
				return nil, errorf(CodeParams, "argument %d, %s, is missing", i, p.name)
			}
			args[i] = zero(p.kind)
			continue
		}
		v, why := decodeArgument(p.kind, values[i])
		if why != nil {
			return nil, errorf(CodeParams, "argument %d, %s: %v", i, p.name, why)
		}
		args[i] = v
	}
	return args, nil
}

func byPosition(values []json.RawMessage, octets json.RawMessage) *Error {
	d := json.NewDecoder(bytes.NewReader(octets))
	if _, err := d.Token(); err != nil {
		return errorf(CodeParams, "%v", err)
	}
	for i := 0; d.More(); i++ {
		if i == len(values) {
			return errorf(CodeParams, "there are at most %d arguments", len(values))
		}
		if err := d.Decode(&values[i]); err != nil {
			return errorf(CodeParams, "%v", err)
		}
	}
	return nil
}

func byName(params []param, values []json.RawMessage, octets json.RawMessage) *Error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(octets, &fields); err != nil {
		return errorf(CodeParams, "%v", err)
	}
	for name, value := range fields {
		i := slices.IndexFunc(params, func(p param) bool { return p.name == name })
		if i < 0 {
			return errorf(CodeParams, "there is no argument %.40q", name)
		}
		values[i] = value
	}
	return nil
}

func zero(k kind) any {
	switch k {
	case kindBool:
		return false
	case kindHash:
		return protocol.Hash{}
	case kindBlob:
		return []byte(nil)
	case kindBlobs:
		return [][]byte(nil)
	case kindService, kindCore, kindU32, kindID, kindSlot, kindSlots, kindServices, kindParameters, kindStatus, kindStage:
	}
	return uint64(0)
}

func decodeArgument(k kind, octets json.RawMessage) (any, error) {
	switch k {
	case kindBool:
		var v bool
		if err := json.Unmarshal(octets, &v); err != nil {
			return nil, fmt.Errorf("it must be true or false")
		}
		return v, nil
	case kindHash:
		b, err := decodeBlob(octets)
		if err == nil && len(b) != len(protocol.Hash{}) {
			err = fmt.Errorf("a hash has 32 octets, not %d", len(b))
		}
		if err != nil {
			return nil, err
		}
		return protocol.Hash(b), nil
	case kindBlob:
		return decodeBlob(octets)
	case kindBlobs:
		return decodeBlobs(octets)
	case kindCore:
		return decodeNumber(octets, math.MaxUint16)
	case kindID:
		return decodeNumber(octets, math.MaxUint64)
	case kindService, kindU32, kindSlot, kindSlots, kindServices, kindParameters, kindStatus, kindStage:
	}
	return decodeNumber(octets, math.MaxUint32)
}

func decodeNumber(octets json.RawMessage, largest uint64) (uint64, error) {
	v, err := strconv.ParseUint(string(octets), 10, 64)
	if err != nil || v > largest {
		return 0, fmt.Errorf("it must be a whole number from 0 to %d", largest)
	}
	return v, nil
}

var base64Padded = base64.StdEncoding.Strict()

func decodeBlob(octets json.RawMessage) ([]byte, error) {
	var text string
	if octets[0] != '"' || json.Unmarshal(octets, &text) != nil {
		return nil, fmt.Errorf("it must be a string in base64")
	}
	for i := range len(text) {
		if text[i] == '\n' || text[i] == '\r' { // which the decoder passes over
			return nil, fmt.Errorf("it must be padded base64 without line breaks")
		}
	}
	b, err := base64Padded.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("it must be padded base64: %w", err)
	}
	return b, nil
}

// maxBlobs bounds a list of blobs. A package has at most so many extrinsics: GP §I.4.4 has T of 128.
const maxBlobs = 1 << 12

func decodeBlobs(octets json.RawMessage) ([][]byte, error) {
	if octets[0] != '[' {
		return nil, fmt.Errorf("it must be an array of strings in base64")
	}
	d := json.NewDecoder(bytes.NewReader(octets))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	list := [][]byte{}
	for d.More() {
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, err
		}
		if len(list) == maxBlobs {
			return nil, fmt.Errorf("it has more than %d items", maxBlobs)
		}
		b, err := decodeBlob(one)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", len(list), err)
		}
		list = append(list, b)
	}
	return list, nil
}
