package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// walk visits a command and all below it that users see.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	if cmd.HasParent() && !cmd.IsAvailableCommand() {
		return
	}
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// TestHelp: every command says in a line and at length what it does, shows an example that names it, and says of each flag what it is.
func TestHelp(t *testing.T) {
	walk(root(), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || len(cmd.Short) > 90 {
			t.Errorf("%s: in a line: %q", path, cmd.Short)
		}
		if cmd.Long == "" {
			t.Errorf("%s: says nothing at length", path)
		}
		if !strings.Contains(cmd.Example, path) {
			t.Errorf("%s: the example does not show it", path)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: %q", path, f.Name, f.Usage)
			}
		})
	})
}

// TestMan: there is a page for each command, which has all of its flags.
func TestMan(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if _, _, err := damson(t, "man", dir); err != nil {
		t.Fatal(err)
	}
	walk(root(), func(cmd *cobra.Command) {
		page, err := os.ReadFile(filepath.Join(dir, pageName(cmd)+".1"))
		if err != nil {
			t.Error(err)
			return
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !strings.Contains(string(page), roff("--"+f.Name)) {
				t.Errorf("%s: --%s is not in its page", cmd.CommandPath(), f.Name)
			}
		})
	})
}

// TestCompletion: there are scripts for each shell, and what flags may say is completed.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if cmd, _, err := root().Find([]string{"completion", shell}); err != nil || cmd.Name() != shell || cmd.Example == "" {
			t.Errorf("%s: %v", shell, err)
		}
	}
	for arguments, want := range map[string]string{
		"run --engine ":           "verify",
		"run --sync ":             "warp",
		"run --chain ":            "json",
		"testnet --scenario p":    "partition",
		"testnet --log-level ":    "debug",
		"work submit --until fin": "finalized",
		"pvm run --kind ":         "service",
		"pvm d":                   "disasm",
	} {
		words := append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(arguments, " ")...)
		if out, _, err := damson(t, words...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %q %v", arguments, out, err)
		}
	}
}
