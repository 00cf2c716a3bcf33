package rpc

import (
	_ "embed"
	"net/http"
)

// object is one of JSON.
type object = map[string]any

//go:embed docs.html
var docsPage []byte

// document describes the table in OpenRPC 1.3.
func (s *Server) document() []byte {
	var methods []object
	for _, name := range s.names {
		methods = append(methods, s.table[name].describe())
	}
	return encode(object{
		"openrpc": "1.3.2",
		"info": object{
			"title": "JAM node RPC (JIP-2)", "version": "1.0.0",
			"description": "JSON-RPC 2.0 over WebSocket and HTTP POST. Results and what subscriptions tell are arrays of values, or null; " +
				"with ?results=bare in the URL a result of one value comes without the array. Binary data is padded base64 (RFC 4648). " +
				"Arguments are given by position or by name.",
		},
		"methods":    methods,
		"components": object{"schemas": schemas(), "errors": errorObjects()},
	})
}

func ref(k kind) object { return object{"$ref": "#/components/schemas/" + string(k)} }

func (m *method) describe() object {
	params := []object{}
	for _, p := range m.params {
		params = append(params, object{
			"name": p.name, "required": !p.optional, "description": p.about, "schema": ref(p.kind),
		})
	}
	o := object{
		"name": m.name, "summary": m.about, "paramStructure": "either", "params": params, "result": m.describeResult(),
		"errors": m.describeErrors(),
	}
	switch {
	case m.ours:
		o["tags"] = []object{{"name": "not in JIP-2"}}
	case m.subscribes() || m.of != nil:
		o["tags"] = []object{{"name": "subscription"}}
	case m.submits:
		o["tags"] = []object{{"name": "submission"}}
	}
	if m.subscribes() {
		o["x-notification"] = object{
			"method": m.name, "params": object{"subscription": ref(kindID), "result": m.shape()},
		}
	}
	return o
}

func (m *method) describeErrors() []object {
	codes := []string{"params", "internal"}
	switch {
	case m.submits:
		codes = append(codes, "busy", "unavailable", "forbidden", "refused")
	case m.subscribes():
		codes = append(codes, "busy", "slow")
	}
	var refs []object
	for _, c := range codes {
		refs = append(refs, object{"$ref": "#/components/errors/" + c})
	}
	return refs
}

func (m *method) describeResult() object {
	switch {
	case m.subscribes():
		return object{"name": "subscription", "schema": ref(kindID)}
	case m.of != nil:
		return object{"name": "ended", "schema": ref(kindBool)}
	}
	return object{"name": "result", "schema": m.shape()}
}

// shape is the schema of a result, or of what a subscription tells.
func (m *method) shape() object {
	items := []object{}
	for _, v := range m.results {
		item := ref(v.kind)
		if v.name == "service_data" {
			item = object{"oneOf": []object{item, {"type": "null"}}}
		}
		items = append(items, object{"title": v.name, "allOf": []object{item}})
	}
	array := object{"type": "array", "items": items, "minItems": len(items), "maxItems": len(items)}
	if m.null == "" {
		return array
	}
	return object{"oneOf": []object{array, {"type": "null", "description": m.null}}}
}

func schemas() object {
	number := func(largest uint64, about string) object {
		return object{"type": "integer", "minimum": 0, "maximum": largest, "description": about}
	}
	list := func(k kind) object { return object{"type": "array", "items": ref(k)} }
	const u16, u32, safe = 1<<16 - 1, 1<<32 - 1, 1<<53 - 1
	return object{
		string(kindHash):     object{"type": "string", "contentEncoding": "base64", "minLength": 44, "maxLength": 44, "description": "32 octets."},
		string(kindBlob):     object{"type": "string", "contentEncoding": "base64", "description": "Any octets."},
		string(kindBlobs):    list(kindBlob),
		string(kindService):  number(u32, "The index of a service."),
		string(kindCore):     number(u16, "The index of a core."),
		string(kindU32):      number(u32, "A number of 32 bits."),
		string(kindBool):     object{"type": "boolean"},
		string(kindID):       number(safe, "A subscription of this connection."),
		string(kindSlot):     number(u32, "A time slot."),
		string(kindSlots):    list(kindSlot),
		string(kindServices): list(kindService),
		string(kindStatus):   object{"type": "object", "description": "How the node is."},
		string(kindStage):    object{"type": "string", "enum": []string{"guaranteed", "available", "accumulated"}},
		string(kindParameters): object{
			"type": "object", "required": []string{"V1"},
			"properties": object{"V1": object{
				"type": "object", "additionalProperties": object{"type": "integer", "minimum": 0}, "description": "The constants of the chain.",
			}},
		},
	}
}

func errorObjects() object {
	one := func(code Code, message string) object { return object{"code": code, "message": message} }
	return object{
		"params":      one(CodeParams, "the arguments are not those of the method"),
		"internal":    one(CodeInternal, "the node failed"),
		"busy":        one(CodeBusy, "too much is asked at once"),
		"unavailable": one(CodeUnavailable, "this node does not have the duty that the method needs"),
		"forbidden":   one(CodeForbidden, "this client may not"),
		"refused":     one(CodeRefused, "what was submitted is not taken; data names the rule"),
		"slow":        one(CodeSlow, "a subscription ended since the client did not read"),
	}
}

func (s *Server) serveOpenRPC(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.openrpc)
}

func serveDocs(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(docsPage)
}
