package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// logFlags say what is logged, and how.
type logFlags struct{ level, format string }

func (f *logFlags) register(flags *pflag.FlagSet, level string) {
	flags.StringVar(&f.level, "log-level", level, "log to stderr from this level on: debug, info, warn, error or off")
	flags.StringVar(&f.format, "log-format", "text", "how to log: text or json")
}

// logger makes the logger; one that is off discards all.
func (f *logFlags) logger(w io.Writer) (*slog.Logger, error) {
	if f.level == "off" || f.level == "" {
		return slog.New(slog.DiscardHandler), nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("--log-level %s: want debug, info, warn, error or off", f.level))
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, withCode(exitUsage, fmt.Errorf("--log-format %s: want text or json", f.format))
}
