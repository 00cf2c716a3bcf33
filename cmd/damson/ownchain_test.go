package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/interp"
	"damson/node/importer"
	"damson/node/replay"
)

// importing runs the import command.
func importing(arguments ...string) (string, error) {
	cmd := importCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(arguments)
	err := cmd.Execute()
	return out.String(), err
}

func TestImportOwnChain(t *testing.T) {
	out, err := importing("--json")
	if err != nil {
		t.Fatal(err)
	}
	var s replay.Summary
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	blocks := strings.Count(devchain.OwnOutcomes, "\n") - 1
	bad := len(devchain.OwnRefusals())
	if s.Steps != blocks || s.Rejected != bad || s.Imported != blocks-bad || s.Failed != 0 || bad == 0 {
		t.Errorf("%d steps, %d imported, %d refused, %d failed", s.Steps, s.Imported, s.Rejected, s.Failed)
	}
	if out, err := importing(); err != nil || !strings.HasPrefix(out, describeOwnChain()) {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := importing("--spec", "full"); err == nil {
		t.Error("the chain is imported with the parameters of another")
	}
}

// TestOwnChainRefusals: a block that is refused for another reason than it should be counts as a failure.
func TestOwnChainRefusals(t *testing.T) {
	im, err := importer.New(importer.Options{Params: protocol.Tiny(), Engine: interp.New()})
	if err != nil {
		t.Fatal(err)
	}
	r := replay.New(replay.Options{
		Params: protocol.Tiny(), Importer: im, Refusal: func(string) protocol.Invalid { return "header/bad_seal" },
	})
	if err := importOwnChain(r); err != nil {
		t.Fatal(err)
	}
	if s := r.Summary(); s.Rejected != 1 || s.Failed != len(devchain.OwnRefusals())-1 {
		t.Errorf("%d refused, %d failed", s.Rejected, s.Failed)
	}
}
