package conformance

import (
	"math"
	"slices"
	"time"
)

// Stats are figures of the blocks of a family, with the names and the unit, milliseconds, of the published reports.
// Percentiles are by nearest rank, so that each is a time that was measured.
type Stats struct {
	Steps         int     `json:"steps"`
	Imported      int     `json:"imported"`
	Refused       int     `json:"refused_as_expected"`
	Mismatched    int     `json:"mismatched"`
	ImportMaxStep int     `json:"import_max_step"`
	ImportMin     float64 `json:"import_min"`
	ImportMax     float64 `json:"import_max"`
	ImportMean    float64 `json:"import_mean"`
	ImportP50     float64 `json:"import_p50"`
	ImportP75     float64 `json:"import_p75"`
	ImportP90     float64 `json:"import_p90"`
	ImportP99     float64 `json:"import_p99"`
	ImportStdDev  float64 `json:"import_std_dev"`
	EpochChanges  int     `json:"epoch_changes"`
	EpochMax      float64 `json:"import_epoch_max"` // the slowest of the blocks that begin an epoch

	times   []float64
	numbers []int // of the steps timed
}

// timed counts a block and the time until its answer.
func (s *Stats) timed(step int, took time.Duration) {
	s.Steps++
	s.times = append(s.times, float64(took.Nanoseconds())/1e6)
	s.numbers = append(s.numbers, step)
}

// epoch counts a block that begins an epoch.
func (s *Stats) epoch(took time.Duration) {
	s.EpochChanges++
	s.EpochMax = max(s.EpochMax, float64(took.Nanoseconds())/1e6)
}

// add counts the blocks of another family too.
func (s *Stats) add(other *Stats) {
	s.Steps += other.Steps
	s.Imported += other.Imported
	s.Refused += other.Refused
	s.Mismatched += other.Mismatched
	s.EpochChanges += other.EpochChanges
	s.EpochMax = max(s.EpochMax, other.EpochMax)
	s.times = append(s.times, other.times...)
	s.numbers = append(s.numbers, other.numbers...)
}

// fill computes the figures.
func (s *Stats) fill() {
	if len(s.times) == 0 {
		return
	}
	var sum, squares float64
	for i, t := range s.times {
		sum += t
		if t > s.ImportMax {
			s.ImportMax, s.ImportMaxStep = t, s.numbers[i]
		}
	}
	s.ImportMean = sum / float64(len(s.times))
	for _, t := range s.times {
		squares += (t - s.ImportMean) * (t - s.ImportMean)
	}
	s.ImportStdDev = math.Sqrt(squares / float64(len(s.times)))
	sorted := slices.Sorted(slices.Values(s.times))
	at := func(quantile float64) float64 {
		return sorted[max(int(math.Ceil(quantile*float64(len(sorted))))-1, 0)]
	}
	s.ImportMin = sorted[0]
	s.ImportP50, s.ImportP75, s.ImportP90, s.ImportP99 = at(0.50), at(0.75), at(0.90), at(0.99)
}
