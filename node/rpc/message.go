package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Code says what kind of error it is. Those up to CodeInternal are JSON-RPC's, those from CodeBusy on are ours.
type Code int

// The codes.
const (
	CodeParse    Code = -32700 // it is no JSON
	CodeRequest  Code = -32600 // it is no request
	CodeMethod   Code = -32601 // there is no such method
	CodeParams   Code = -32602 // the arguments are not those of the method
	CodeInternal Code = -32603 // the node failed

	CodeBusy        Code = -32000 // too much is asked at once
	CodeUnavailable Code = -32001 // this node does not have the duty that the method needs
	CodeForbidden   Code = -32002 // this client may not
	CodeRefused     Code = -32003 // what was submitted is not taken
	CodeSlow        Code = -32004 // a subscription ended since the client did not read
	CodeTooLarge    Code = -32005 // the answer would be
)

// Error is why a request failed.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"` // the rule that was broken, by name
}

func (e *Error) Error() string { return fmt.Sprintf("rpc: %s (%d)", e.Message, e.Code) }

func errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// request is a request or, without an id, a notification.
type request struct {
	id     json.RawMessage // as it came; nil for notifications
	method string
	params json.RawMessage // nil: none
}

// message is what came in one piece: requests, each with what is wrong with it.
type message struct {
	batch    bool
	requests []request
	errs     []*Error // of the request with the same index, or nil
}

var null = json.RawMessage("null")

// decodeMessage reads a request or a batch of at most limit. What is wrong with a whole message is the error.
func decodeMessage(octets []byte, limit int) (*message, *Error) {
	if !json.Valid(octets) { // before anything is kept of it
		return nil, errorf(CodeParse, "this is no JSON")
	}
	octets = bytes.TrimLeft(octets, " \t\r\n")
	m := &message{batch: octets[0] == '['}
	if !m.batch {
		m.add(octets)
		return m, nil
	}
	d := json.NewDecoder(bytes.NewReader(octets))
	if _, err := d.Token(); err != nil {
		return nil, errorf(CodeParse, "this is no JSON")
	}
	for d.More() {
		if len(m.requests) == limit {
			return nil, errorf(CodeRequest, "a batch has at most %d requests", limit)
		}
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, errorf(CodeParse, "this is no JSON")
		}
		m.add(one)
	}
	if len(m.requests) == 0 {
		return nil, errorf(CodeRequest, "the batch is empty")
	}
	return m, nil
}

func (m *message) add(octets []byte) {
	r, err := decodeRequest(octets)
	m.requests, m.errs = append(m.requests, r), append(m.errs, err)
}

// decodeRequest reads a request, which is JSON. If it is wrong, the id is what can be told of it.
func decodeRequest(octets []byte) (request, *Error) {
	bad := func(r request, what string) (request, *Error) {
		if r.id == nil {
			r.id = null
		}
		return r, errorf(CodeRequest, "%s", what)
	}
	var fields map[string]json.RawMessage
	if octets[0] != '{' || json.Unmarshal(octets, &fields) != nil {
		return bad(request{}, "a request is an object")
	}
	var r request
	if id, ok := fields["id"]; ok {
		if id[0] == '{' || id[0] == '[' || id[0] == 't' || id[0] == 'f' || len(id) > maxID {
			return bad(r, "an id is a string or a number")
		}
		r.id = id
	}
	var version string
	if json.Unmarshal(fields["jsonrpc"], &version) != nil || version != "2.0" {
		return bad(r, `jsonrpc must be "2.0"`)
	}
	if name, ok := fields["method"]; !ok || name[0] != '"' || json.Unmarshal(name, &r.method) != nil {
		return bad(r, "a method is a string")
	}
	r.params = fields["params"]
	if r.params != nil && r.params[0] != '[' && r.params[0] != '{' && r.params[0] != 'n' {
		return bad(r, "params are an array or an object")
	}
	return r, nil
}

// maxID bounds an id, which is repeated in the answer.
const maxID = 1 << 10

// appendAnswer appends the answer to a request: a result, or what is wrong.
func appendAnswer(b []byte, id json.RawMessage, result json.RawMessage, err *Error) []byte {
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, id...)
	if err != nil {
		b = append(b, `,"error":`...)
		b = append(b, encode(err)...)
	} else {
		b = append(b, `,"result":`...)
		b = append(b, result...)
	}
	return append(b, '}')
}

// notification is what a subscriber is told: a result, or why it is the last.
func notification(method string, subscription uint64, result json.RawMessage, err *Error) []byte {
	key := "result"
	if err != nil {
		key, result = "error", encode(err)
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","method":%q,"params":{"subscription":%d,%q:%s}}`, method, subscription, key, result)
}

// encode gives the JSON of a value that has one.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return null
	}
	return b
}
