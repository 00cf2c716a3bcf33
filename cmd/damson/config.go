package main

import (
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// readConfig sets the flags that a configuration file names and the command line does not. The file is TOML; its keys are the names
// of flags, and a list stands for a flag that is given several times.
func readConfig(cmd *cobra.Command, path string) error {
	if path == "" {
		return nil
	}
	var values map[string]any
	if _, err := toml.DecodeFile(path, &values); err != nil {
		return withCode(exitUsage, fmt.Errorf("--config %s: %w", path, err))
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	given := make(map[string]bool)
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = true })
	for _, name := range names {
		f := cmd.Flags().Lookup(name)
		if f == nil || name == "config" || name == "help" {
			return withCode(exitUsage, fmt.Errorf("--config %s: there is no flag --%s", path, name))
		}
		if given[name] {
			continue
		}
		list, ok := values[name].([]any)
		if !ok {
			list = []any{values[name]}
		}
		for _, value := range list {
			if err := cmd.Flags().Set(name, fmt.Sprint(value)); err != nil {
				return withCode(exitUsage, fmt.Errorf("--config %s: %s: %w", path, name, err))
			}
		}
	}
	return nil
}
