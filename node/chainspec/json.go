package chainspec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"damson/internal/protocol"
	"damson/state/trie"
)

// The keys of JIP-4, and ours.
const (
	keyID        = "id"
	keyBootnodes = "bootnodes"
	keyHeader    = "genesis_header"
	keyState     = "genesis_state"
	keyParams    = "protocol_parameters"
	keySRS       = "srs"
)

// maxFile bounds what is read of a file.
const maxFile = 1 << 30

// Read reads a specification from a file.
func Read(path string) (*Spec, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("chainspec: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("chainspec: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: more than a gigabyte: %w", path, ErrSyntax)
	}
	s, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Decode reads a specification in JSON. Hexadecimal may begin with 0x; keys that are not known are left alone.
func Decode(data []byte) (*Spec, error) {
	s := new(Spec)
	var params []byte
	read := map[string]func(json.RawMessage) error{
		keyID:        func(raw json.RawMessage) error { return text(raw, &s.ID) },
		keyBootnodes: s.decodeBootnodes,
		keyHeader:    func(raw json.RawMessage) error { return octets(raw, &s.Header) },
		keyState:     s.decodeState,
		keyParams:    func(raw json.RawMessage) error { return octets(raw, &params) },
		keySRS:       func(raw json.RawMessage) error { return text(raw, &s.SRS) },
	}
	found := make(map[string]bool)
	err := members(data, func(key string, raw json.RawMessage) error {
		if found[key] {
			return fmt.Errorf("%.80q: %w", key, ErrTwice)
		}
		found[key] = true
		if decode, known := read[key]; known {
			if err := decode(raw); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, key := range []string{keyID, keyHeader, keyState, keyParams} {
		if !found[key] {
			return nil, fmt.Errorf("%s: %w", key, ErrMissing)
		}
	}
	if s.SRS == zcash {
		s.SRS = ""
	}
	if s.Params, err = protocol.DecodeParams(params); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParams, err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// zcash may stand for the ceremony, which needs no word.
const zcash = "zcash"

// members calls f for each member of a JSON object, in its order. Nothing may follow the object.
func members(data []byte, f func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("no object: %w", ErrSyntax)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		key, _ := t.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("%.80q: %w: %w", key, ErrSyntax, err)
		}
		if err := f(key, raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the object: %w", ErrSyntax)
	}
	return nil
}

func text(raw json.RawMessage, out *string) error {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, out) != nil {
		return fmt.Errorf("no string: %w", ErrSyntax)
	}
	return nil
}

func octets(raw json.RawMessage, out *[]byte) (err error) {
	var digits string
	if err := text(raw, &digits); err != nil {
		return err
	}
	if *out, err = hex.DecodeString(strings.TrimPrefix(digits, "0x")); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return nil
}

func (s *Spec) decodeBootnodes(raw json.RawMessage) error {
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	for _, entry := range list {
		b, err := ParseBootnode(entry)
		if err != nil {
			return err
		}
		s.Bootnodes = append(s.Bootnodes, b)
	}
	return nil
}

func (s *Spec) decodeState(raw json.RawMessage) error {
	err := members(raw, func(digits string, raw json.RawMessage) error {
		var entry trie.Change
		key, err := hex.DecodeString(strings.TrimPrefix(digits, "0x"))
		if err != nil || len(key) != len(entry.Key) {
			return fmt.Errorf("%.80q is no key: %w", digits, ErrState)
		}
		entry.Key = protocol.StateKey(key)
		if err := octets(raw, &entry.Value); err != nil {
			return fmt.Errorf("%s: %w", digits, err)
		}
		s.State = append(s.State, entry)
		return nil
	})
	if err != nil {
		return err
	}
	s.sort()
	for i := range len(s.State) - 1 {
		if s.State[i].Key == s.State[i+1].Key {
			return fmt.Errorf("%v: %w", s.State[i].Key, ErrTwice)
		}
	}
	return nil
}

func (s *Spec) sort() {
	slices.SortFunc(s.State, func(a, b trie.Change) int { return bytes.Compare(a.Key[:], b.Key[:]) })
}

// Encode writes the specification in JSON, always in the same way: no 0x, and the state by ascending key.
func (s *Spec) Encode() []byte {
	b := []byte("{\n")
	line := func(key, value string) { b = fmt.Appendf(b, "  %q: %q,\n", key, value) }
	line(keyID, s.ID)
	if s.SRS != "" && s.SRS != zcash {
		line(keySRS, s.SRS)
	}
	b = fmt.Appendf(b, "  %q: [", keyBootnodes)
	for i, node := range s.Bootnodes {
		b = fmt.Appendf(b, "%s\n    %q", comma(i), node)
	}
	if len(s.Bootnodes) > 0 {
		b = append(b, "\n  "...)
	}
	b = append(b, "],\n"...)
	line(keyParams, hex.EncodeToString(s.Params.AppendTo(nil)))
	line(keyHeader, hex.EncodeToString(s.Header))
	b = fmt.Appendf(b, "  %q: {", keyState)
	for i := range s.State {
		b = fmt.Appendf(b, "%s\n    \"%x\": \"%x\"", comma(i), s.State[i].Key[:], s.State[i].Value)
	}
	return append(b, "\n  }\n}\n"...)
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
