package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"damson/internal/protocol"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, and of which Gray Paper",
		Long: `Version prints the version or commit that the program was built from, the version of the Gray Paper that it follows, the version of Go, and
the platform.`,
		Example: `  damson version`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "damson %s, Gray Paper %s, %s %s/%s\n",
				buildVersion(), protocol.GrayPaper, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// version is set by releases (.ci/release).
var version string

// buildVersion is what a release says, the module's version or the commit that the program was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}
