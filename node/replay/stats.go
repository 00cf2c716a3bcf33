package replay

import (
	"slices"
	"time"
)

// Summary is what came of importing, for people and scripts. Times are of blocks, decoding included.
type Summary struct {
	Steps    int       `json:"steps"`
	Imported int       `json:"imported"` // accepted, with the state expected
	Rejected int       `json:"rejected"` // refused, as expected
	Failed   int       `json:"failed"`
	Passed   int       `json:"passed_over,omitempty"` // older than what the store keeps
	P50      float64   `json:"p50_ms"`
	P90      float64   `json:"p90_ms"`
	P99      float64   `json:"p99_ms"`
	Max      float64   `json:"max_ms"`
	Mean     float64   `json:"mean_ms"`
	Failures []Failure `json:"failures"`
}

// Failure is a step that did not go as expected.
type Failure struct {
	Path   string `json:"path"`
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// fill computes the figures of the times that blocks took.
func (s *Summary) fill(times []time.Duration) {
	if len(times) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(times))
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	at := func(quantile float64) float64 { return ms(sorted[int(quantile*float64(len(sorted)-1)+0.5)]) }
	var sum time.Duration
	for _, d := range sorted {
		sum += d
	}
	s.P50, s.P90, s.P99, s.Max = at(0.50), at(0.90), at(0.99), ms(sorted[len(sorted)-1])
	s.Mean = ms(sum / time.Duration(len(sorted)))
}
