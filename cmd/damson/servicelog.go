package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"damson/state/invoke"
)

// serviceLog gives a sink that writes what services log as JSON, one object a line, in the format of JIP-1.
func serviceLog(w io.Writer) func(invoke.LogEvent) {
	var mu sync.Mutex
	encoder := json.NewEncoder(w)
	return func(e invoke.LogEvent) {
		line := serviceLogLine{
			Time: time.Now().UTC().Format("2006-01-02 15-04-05"), Level: levelName(e.Level), Message: e.Message,
		}
		if e.Target != "" {
			line.Target = &e.Target
		}
		if e.Service != nil {
			line.Service = decimal(uint64(*e.Service))
		}
		if e.Core != nil {
			line.Core = decimal(uint64(*e.Core))
		}
		mu.Lock()
		defer mu.Unlock()
		_ = encoder.Encode(line) // a log that cannot be written must not stop the chain
	}
}

// serviceLogLine is a line of the log. JIP-1, "Format for JSON logging".
type serviceLogLine struct {
	Time    string  `json:"time"`
	Level   string  `json:"level"`
	Message string  `json:"message"`
	Target  *string `json:"target"`
	Service *string `json:"service"`
	Core    *string `json:"core"`
}

func decimal(n uint64) *string {
	s := strconv.FormatUint(n, 10)
	return &s
}

// levelName names a level of JIP-1.
func levelName(level uint64) string {
	names := [...]string{"FATAL", "WARN", "INFO", "DEBUG", "TRACE"}
	if level < uint64(len(names)) {
		return names[level]
	}
	return fmt.Sprintf("LEVEL%d", level)
}
