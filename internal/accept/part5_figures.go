package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// workFigure is a figure of work in-core, and what it must be; zero: it is told.
type workFigure struct {
	what string
	name *regexp.Regexp
	unit string
	must float64
}

// workFigures5 are those of docs/BENCHMARKS.md. The least ones are for the best kernel of a processor with AVX-512 and GFNI.
var workFigures5 = []workFigure{
	{"encode in cache, GFNI", regexp.MustCompile(`erasure\.Encode/chain=full/size=1400832/impl=gfni`), "MB/s", 1500},
	{"AVX2", regexp.MustCompile(`erasure\.Encode/chain=full/size=1400832/impl=avx2`), "MB/s", 0},
	{"pure Go", regexp.MustCompile(`erasure\.Encode/chain=full/size=1400832/impl=generic`), "MB/s", 0},
	{"encode a bundle of 13.8 MB, GFNI", regexp.MustCompile(`erasure\.Encode/chain=full/size=13791360/impl=gfni`), "MB/s", 1000},
	{"AVX2", regexp.MustCompile(`erasure\.Encode/chain=full/size=13791360/impl=avx2`), "MB/s", 0},
	{"pure Go", regexp.MustCompile(`erasure\.Encode/chain=full/size=13791360/impl=generic`), "MB/s", 0},
	{"recover it from parity, GFNI", regexp.MustCompile(`erasure\.Recover/size=13791360/shards=far/impl=gfni`), "MB/s", 500},
	{"AVX2", regexp.MustCompile(`erasure\.Recover/size=13791360/shards=far/impl=avx2`), "MB/s", 0},
	{"pure Go", regexp.MustCompile(`erasure\.Recover/size=13791360/shards=far/impl=generic`), "MB/s", 0},
	{"erasure root of a bundle", regexp.MustCompile(`bundle\.Specify/bundle=13791360/exports=0`), "MB/s", 0},
	{"refinement", regexp.MustCompile(`bench/work\.Refine/spin`), "Mgas/s", 0},
	{"report of 2,900 payments", regexp.MustCompile(`bench/work\.Refine/payments`), "ns/op", 0},
	{"payment accumulated", regexp.MustCompile(`bench/work\.Payments`), "ns/payment", 0},
}

// workFigures measures erasure coding by every kernel that the processor has, refinement and the token: medians of five.
func workFigures(h *hall) (string, error) {
	out, err := command(h.alone(), ".", "go", "test", "-run=^$", "-bench=Encode/chain=full/size=1|Recover/size=13|Specify/bundle=13.*/exports=0|Refine|Payments",
		"-cpu=1", "-count=5", "-benchtime=300ms", "./internal/erasure", "./internal/bundle", "./bench/work")
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	lines := parseBench(out)
	said, unit := "", ""
	var errs []error
	for _, f := range workFigures5 {
		m, ok := f.median(lines)
		switch {
		case !ok && f.must > 0:
			errs = append(errs, fmt.Errorf("%s is not measured: this processor has no GFNI", f.what))
			continue
		case !ok:
			continue
		case m < f.must:
			errs = append(errs, fmt.Errorf("%s: %.0f %s, want %.0f", f.what, m, f.unit, f.must))
		}
		if said != "" {
			said += "; "
		}
		said += fmt.Sprintf("%s %.0f", f.what, m)
		if f.unit != unit || f.unit != "MB/s" {
			said += " " + f.unit
		}
		unit = f.unit
	}
	return said, errors.Join(errs...)
}

// median gives the middle one of a figure's values.
func (f *workFigure) median(lines []benchLine) (float64, bool) {
	var all []float64
	for _, l := range lines {
		if v, ok := l.value[f.unit]; ok && f.name.MatchString(l.name) {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}
