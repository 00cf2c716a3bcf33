package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"damson/internal/golden"
	"damson/internal/vectors"
	"damson/node/chainspec"
	"damson/node/keys"
)

// run executes a command line and gives what it prints, standard output and error apart.
func run(arguments ...string) (stdout, stderr string, err error) {
	cmd := root()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(arguments)
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

// good runs a command line that must succeed.
func good(t *testing.T, arguments ...string) string {
	t.Helper()
	out, _, err := run(arguments...)
	if err != nil {
		t.Fatalf("damson %s: %v", strings.Join(arguments, " "), err)
	}
	return out
}

// script is what the command lines print, one after another.
func script(t *testing.T, folder string, lines ...string) string {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		out, errs, err := run(strings.Fields(strings.ReplaceAll(line, "$", folder+string(filepath.Separator)))...)
		b.WriteString("$ damson " + strings.ReplaceAll(line, "$", "") + "\n" + errs + out)
		if err != nil {
			b.WriteString("error: " + err.Error() + "\n")
		}
	}
	return strings.ReplaceAll(b.String(), folder+string(filepath.Separator), "")
}

func TestSpecCommands(t *testing.T) {
	folder := t.TempDir()
	golden.Equal(t, "spec.txt", script(t, folder,
		"spec generate -o $dev.json",
		"spec inspect $dev.json",
		"spec generate --srs dev-insecure -o $insecure.json",
		"spec inspect $insecure.json",
		"spec generate --id mine --set V=12 --set C=4 --first-port 1000 "+
			"--bootnode eecgwpgwq3noky4ijm4jmvjtmuzv44qvigciusxakq5epnrfj2utb@[::1]:1000 -o $mine.json",
		"spec inspect --params $mine.json",
		"spec convert --to params $mine.json",
		"spec generate --set V=12",
		"spec generate --set v=12",
		"spec generate --set V",
		"spec generate --srs mine",
		"spec generate --first-port 65531",
		"spec convert --to yaml $dev.json",
	))
}

func TestSpecConvert(t *testing.T) {
	folder := t.TempDir()
	dev, genesis := filepath.Join(folder, "dev.json"), filepath.Join(folder, "genesis.bin")
	good(t, "spec", "generate", "-o", dev)
	good(t, "spec", "convert", "--to", "genesis", "-o", genesis, dev)
	want, err := os.ReadFile(dev)
	if err != nil {
		t.Fatal(err)
	}
	if got := good(t, "spec", "convert", genesis); got != string(want) {
		t.Error("a specification differs after the way to a genesis file and back")
	}
	if err := os.WriteFile(genesis, []byte("no genesis"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run("spec", "convert", genesis); err == nil {
		t.Error("anything counts as a genesis file")
	}
}

// The file that other clients run, and the genesis of the official traces.
func TestSpecOfOthers(t *testing.T) {
	path := filepath.Join(vectors.Root(t), "chainspecs", "dev-tiny-linux.chainspec.json")
	if out := good(t, "spec", "inspect", path); !strings.Contains(out, "0x2bf11dc5e1c7b9bbaafc2c8533017abc12daeb0baf22c92509ad50f7875e5716") {
		t.Error(out)
	}
	// Boka's state does not know its header.
	out, _, err := run("spec", "inspect", filepath.Join(vectors.Root(t), "chainspecs", "boka-tiny.json"))
	if !errors.Is(err, errReported) || !strings.Contains(out, string(chainspec.ErrUnrelated)) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestSpecWithFiles(t *testing.T) {
	folder := t.TempDir()
	file := func(name, contents string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	list := file("validators.json", good(t, "keys", "inspect", "--dev", "5,4,3,2,1,0", "--json"))
	service, authorizer := file("service", "the code of a service"), file("authorizer", "that of an authorizer")
	out := good(t, "spec", "generate", "--validators", list, "--service", service, "--authorizer", authorizer)
	for _, code := range []string{"the code of a service", "that of an authorizer"} {
		if !strings.Contains(out, hex.EncodeToString([]byte(code))) {
			t.Errorf("%s is not in the state", code)
		}
	}
	var shown shownSpec
	if err := json.Unmarshal([]byte(good(t, "spec", "inspect", "--json", file("spec.json", out))), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Validators) != 6 || shown.Validators[0].Address != "127.0.0.1:40005" || shown.Params["V"] != 6 {
		t.Errorf("%+v", shown)
	}
	key := keys.Trivial(0).Derive().Public(shownAddress(t)).Ed25519
	for name, contents := range map[string]string{
		"no list": "{}", "five": good(t, "keys", "inspect", "--dev", "0,1,2,3,4", "--json"), "no key": `[{"ed25519": ""}]`,
		"a long key":     `[{"ed25519": "` + strings.Repeat("00", 33) + `"}]`,
		"another's name": `[{"peer_name": "` + key.PeerName() + `", "ed25519": "` + strings.Repeat("00", 32) + `", "bandersnatch": "` + strings.Repeat("00", 32) + `"}]`,
		"no address":     `[{"address": "localhost:1", "ed25519": "` + strings.Repeat("00", 32) + `", "bandersnatch": "` + strings.Repeat("00", 32) + `"}]`,
	} {
		if _, _, err := run("spec", "generate", "--validators", file("bad.json", contents)); err == nil {
			t.Errorf("validators: %s: accepted", name)
		}
	}
}
