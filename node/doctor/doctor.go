// Package doctor looks for what would keep a node on this machine from doing its duties, and says what to do about it.
//
// doctor.go has the list of checks, one function each in clock.go, folders.go and machine.go. What they ask of the machine can be
// replaced by [Machine], so that tests can plant every fault.
package doctor

import (
	"context"
	"encoding/json"
	"time"

	"damson/internal/pvm"
)

// Level is how bad a finding is.
type Level uint8

// The levels.
const (
	Good    Level = iota
	Skipped       // it could not be looked at, or does not matter here
	Warning       // the node will run, but not as well as it could
	Fault         // the node will not run, or not do its duties
)

var levels = [...]string{"ok", "skipped", "warning", "fault"}

func (l Level) String() string { return levels[l] }

// MarshalText names the level.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is what a check has found.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Says  string `json:"says"`
	Fix   string `json:"fix,omitempty"`
}

// Options says what to look at. What is zero is not looked at, but for the machine itself.
type Options struct {
	NTP     []string // servers that tell the time, HOST or HOST:PORT
	Ports   []Port
	Keys    string                 // folder of key files
	Data    string                 // folder of the node's data
	SRS     string                 // file of the reference string; empty: the usual places
	DevSRS  bool                   // the chain rests on the development string: no file is needed
	Secret  func() (string, error) // the passphrase of key files; nil: those that are encrypted are not opened
	Machine Machine
}

// Port is one that the node is to listen at.
type Port struct {
	Name    string // what for
	Network string // udp or tcp
	Address string
}

// Machine is what is asked of the machine. What is nil is asked of the real one.
type Machine struct {
	Create  func(folder string) error // whether a file can be made there
	Disk    func(folder string) (DiskFigures, error)
	Files   func() (uint64, error) // how many descriptors the process may have
	Feature func(name string) bool // whether the processor has it

	// The engines, of which the node knows no more: nil means that they are not compared.
	JIT    func() (pvm.Engine, error) // the recompiler; the error says why it does not run here
	Interp pvm.Engine
}

// DiskFigures are how fast a disk is.
type DiskFigures struct {
	Sync   time.Duration // half of the small writes are on the disk within this
	Stream float64       // MB/s
}

// Examine makes all checks, in the order of what is quick to mend.
func Examine(ctx context.Context, o Options) []Finding {
	o.Machine.setDefaults()
	findings := []Finding{o.clock(ctx)}
	for _, p := range o.Ports {
		findings = append(findings, p.check(ctx))
	}
	findings = append(findings, o.keys()...)
	findings = append(findings, o.data()...)
	return append(findings, o.srs(), o.files(), o.features(), o.engines())
}

// Worst gives the worst level.
func Worst(findings []Finding) (worst Level) {
	for _, f := range findings {
		worst = max(worst, f.Level)
	}
	return worst
}

// JSON gives the findings as one object.
func JSON(findings []Finding) ([]byte, error) {
	return json.Marshal(struct {
		Healthy  bool      `json:"healthy"`
		Findings []Finding `json:"findings"`
	}{Worst(findings) < Fault, findings})
}
