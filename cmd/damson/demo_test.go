package main

import (
	"encoding/json"
	"strings"
	"testing"

	"damson/node/demo"
)

// TestDemo has a demo whose duty is broken end with a verdict that says so, for programs as for people.
func TestDemo(t *testing.T) {
	if _, _, err := damson(t, "demo", "nothing"); exitCode(err) != exitUsage {
		t.Errorf("a demo that is not there: %v", err)
	}
	out, _, err := damson(t, "demo", "single", "--fast", "--json", "--fault", string(demo.WrongMachine))
	var story demo.Story
	if bad := json.Unmarshal([]byte(out), &story); bad != nil {
		t.Fatal(bad)
	}
	if err == nil || exitCode(err) != exitFailed || story.Passed || !strings.Contains(err.Error(), "it is not so that") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _, err = damson(t, "demo", "single", "--fast"); err != nil || !strings.Contains(out, "Verdict") {
		t.Errorf("%v\n%s", err, out)
	}
}
