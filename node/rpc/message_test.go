package rpc

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// FuzzMessage: whatever comes is answered by JSON-RPC, in bounds.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"serviceValue","params":["` + strings.Repeat("A", 43) + `=",0,""]}`,
		`[{"jsonrpc":"2.0","method":"submitWorkPackage","params":{"core":0,"package":"","extrinsics":["AA=="]}},1]`,
		` [ ] `, `{`, `"`, `{"jsonrpc":"2.0","id":1e9,"method":"unsubscribeBestBlock","params":[18446744073709551615]}`,
		`{"id":{},"id":"\ud800","jsonrpc":"2.0","method":"bestBlock","params":null}`,
	} {
		f.Add([]byte(seed))
	}
	table, names := tabulate()
	f.Fuzz(func(t *testing.T, octets []byte) {
		const limit = 8
		m, err := decodeMessage(octets, limit)
		if err != nil {
			if err.Code != CodeParse && err.Code != CodeRequest {
				t.Fatalf("code %d", err.Code)
			}
			return
		}
		if len(m.requests) == 0 || len(m.requests) > limit || !m.batch && len(m.requests) != 1 {
			t.Fatalf("%d requests", len(m.requests))
		}
		for i, r := range m.requests {
			if m.errs[i] != nil {
				if r.id == nil {
					t.Fatal("an error that nobody is told")
				}
			} else if method := table[r.method]; method != nil {
				if args, err := decodeArguments(method.params, r.params); err == nil && len(args) != len(method.params) {
					t.Fatalf("%d arguments", len(args))
				}
			}
			for _, name := range names { // any arguments for any method
				_, _ = decodeArguments(table[name].params, r.params)
			}
			if r.id != nil && !json.Valid(appendAnswer(nil, r.id, null, nil)) {
				t.Fatalf("answer to %q", r.id)
			}
		}
	})
}

// TestTable: the methods are those of JIP-2, with as many arguments, and a few of ours.
func TestTable(t *testing.T) {
	table, names := tabulate()
	want := map[string]int{
		"parameters": 0, "bestBlock": 0, "subscribeBestBlock": 0, "finalizedBlock": 0, "subscribeFinalizedBlock": 0, "parent": 1,
		"stateRoot": 1, "statistics": 1, "subscribeStatistics": 1, "serviceData": 2, "subscribeServiceData": 2, "serviceValue": 3,
		"subscribeServiceValue": 3, "servicePreimage": 3, "subscribeServicePreimage": 3, "serviceRequest": 4,
		"subscribeServiceRequest": 4, "beefyRoot": 1, "submitWorkPackage": 3, "submitPreimage": 3, "listServices": 1,
	}
	for name, params := range want {
		m := table[name]
		if m == nil || len(m.params) != params || m.ours {
			t.Errorf("%s: %+v", name, m)
		}
		if strings.HasPrefix(name, "subscribe") && (m.watch == nil || table["un"+name] == nil || table["un"+name].of != m) {
			t.Errorf("%s cannot be ended", name)
		}
	}
	for _, name := range names {
		if _, ok := want[strings.TrimPrefix(name, "un")]; !ok && !table[name].ours {
			t.Errorf("%s is not in JIP-2", name)
		}
	}
}

// TestDocument: every method and every reference of the OpenRPC document is there, and docs/RPC.md names every method and error.
func TestDocument(t *testing.T) {
	s := &Server{}
	s.table, s.names = tabulate()
	octets := s.document()
	var document struct {
		Methods    []struct{ Name string }
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(octets, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Methods) != len(s.names) {
		t.Errorf("%d methods, want %d", len(document.Methods), len(s.names))
	}
	for _, ref := range regexp.MustCompile(`"#/components/(\w+)/(\w+)"`).FindAllSubmatch(octets, -1) {
		if document.Components[string(ref[1])][string(ref[2])] == nil {
			t.Errorf("%s leads nowhere", ref[0])
		}
	}
	manual, err := os.ReadFile("../../docs/RPC.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s.names {
		if table := s.table[name]; table.of == nil && !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("docs/RPC.md does not have %s", name)
		}
	}
}
