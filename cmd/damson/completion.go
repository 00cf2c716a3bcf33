package main

import (
	"strings"

	"damson/node/testnet"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const completionHelp = `Completion prints a script for a shell, which then completes commands, flags, and what flags may say: engines, stages, scenarios,
chain specifications, key folders.`

const completionExample = `  source <(damson completion bash)                                       # for this shell alone
  damson completion bash >/etc/bash_completion.d/damson                  # for all, with the package bash-completion
  damson completion zsh >"${fpath[1]}/_damson"
  damson completion fish >~/.config/fish/completions/damson.fish`

// choices are the values of flags that have the same few wherever they are.
var choices = map[string][]string{
	"engine":     {"auto", "jit", "interp", "verify"},
	"log-level":  {"debug", "info", "warn", "error", "off"},
	"log-format": {"text", "json"},
	"sync":       {"blocks", "warp"},
	"scenario":   {string(testnet.Partition), string(testnet.Equivocation), string(testnet.Restart)},
	"until":      strings.Split(stageNames(), ", "),
	"kind":       {"service", "standard", "program"},
	"host-call":  {"ping"},
}

// endings are those of the files that flags name.
var endings = map[string][]string{
	"chain": {"json"}, "config": {"toml"}, "srs": {"bin"}, "spec": {"json", "bin"},
}

// folders are flags that name a folder.
var folders = []string{"data-path", "keys", "network"}

// complete says what the flags of a command and those below it may be, and gives the completion command a help of ours.
func complete(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if values, ok := choices[f.Name]; ok {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
		if list, ok := endings[f.Name]; ok {
			_ = cmd.MarkFlagFilename(f.Name, list...)
		}
		for _, name := range folders {
			if f.Name == name {
				_ = cmd.MarkFlagDirname(name)
			}
		}
	})
	for _, sub := range cmd.Commands() {
		complete(sub)
	}
}

// helpCompletion makes cobra's command for completions, and words its help as ours is worded.
func helpCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Short, cmd.Long, cmd.Example = "Print a script that completes commands in a shell", completionHelp, completionExample
		for _, shell := range cmd.Commands() {
			shell.Short = "Print the script for " + shell.Name()
			for line := range strings.Lines(completionExample) {
				if strings.Contains(line, "completion "+shell.Name()) {
					shell.Example += line
				}
			}
			if shell.Name() == "powershell" {
				shell.Example = "  damson completion powershell | Out-String | Invoke-Expression"
			}
			shell.Example = strings.TrimRight(shell.Example, "\n")
		}
	}
}
