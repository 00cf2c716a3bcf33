package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// speedReport is what bench/pvm/table prints as JSON.
type speedReport struct {
	Programs []struct {
		Name     string  `json:"name"`
		Ratio    float64 `json:"ratio"`
		Relative float64 `json:"ratio_to_polkavm"`
	} `json:"programs"`
	Mean  float64 `json:"geometric_mean"`
	Worst float64 `json:"worst"`
	Small struct {
		HostCallNs    float64 `json:"host_call_ns"`
		InstantiateUs float64 `json:"instantiate_us"`
		InvokeNs      float64 `json:"invoke_ns"`
		CompileMBs    float64 `json:"compile_mb_s"`
	} `json:"small"`
}

// goal is a figure with the bound that it must keep and the one that it should.
type goal struct {
	name          string
	value         float64
	must, stretch float64
	unit          string
	atLeast       bool // the bounds are lower ones
}

func (g goal) keeps(bound float64) bool {
	if g.value == 0 { // not measured
		return false
	}
	if g.atLeast {
		return g.value >= bound
	}
	return g.value <= bound
}

func (g goal) String() string {
	verdict := "misses must"
	switch {
	case g.keeps(g.stretch):
		verdict = "stretch"
	case g.keeps(g.must):
		verdict = "must"
	}
	return fmt.Sprintf("%s %.2f%s (%s; %g / %g)", g.name, g.value, g.unit, verdict, g.must, g.stretch)
}

// guestSpeed runs the programs beside C nine times.
func guestSpeed(*hall) (string, error) {
	const bestOther = 1.05 // of PolkaVM's figure
	c := exec.Command("go", "run", "./bench/pvm/table", "-json", "-runs", "9", "-interp", "0")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return "", err
	}
	var r speedReport
	if err := json.Unmarshal(out, &r); err != nil {
		return "", err
	}
	goals := []goal{
		{"mean to gcc", r.Mean, 1.30, 1.15, "x", false},
		{"worst to gcc", r.Worst, 2.2, 1.6, "x", false},
		{"compile", r.Small.CompileMBs, 150, 250, " MB/s", true},
		{"instance", r.Small.InstantiateUs, 8, 4, " µs", false},
		{"host call", r.Small.HostCallNs, 20, 9, " ns", false},
		{"invoke", r.Small.InvokeNs, 1000, 200, " ns", false},
	}
	var figures []string
	var errs []error
	for _, g := range goals {
		figures = append(figures, g.String())
		if !g.keeps(g.must) {
			errs = append(errs, errors.New(g.String()))
		}
	}
	for _, p := range r.Programs {
		figures = append(figures, fmt.Sprintf("%s %.2f", p.Name, p.Ratio))
		if p.Relative > bestOther {
			errs = append(errs, fmt.Errorf("%s takes %.2f of PolkaVM's time, must be %.2f", p.Name, p.Relative, bestOther))
		}
	}
	return strings.Join(figures, ", "), errors.Join(errs...)
}
