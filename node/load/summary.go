package load

import (
	"slices"

	"damson/internal/protocol"
	"damson/node/builder"
)

// Summary is what became of the packages.
type Summary struct {
	Submitted   int    `json:"packages_submitted"`
	Refused     int    `json:"packages_refused"`  // of these, that no guarantor took
	Reported    int    `json:"packages_reported"` // in a block
	Accumulated int    `json:"packages_accumulated"`
	Final       int    `json:"packages_finalized"`
	Failed      int    `json:"items_failed"` // of accumulated packages: their refinement ended in an error
	Items       int    `json:"work_items"`   // accumulated
	Transfers   int    `json:"token_transfers"`
	Exported    uint64 `json:"segments_exported"`
	Imported    uint64 `json:"segments_imported"`
	Balanced    bool   `json:"token_balanced"` // and all segments were what they should be
	Wrong       string `json:"books_error,omitempty"`

	Seconds   float64          `json:"load_seconds"`
	Waited    int              `json:"slots_waited"` // after the last submission, for what was on its way
	Reports   float64          `json:"reports_per_second"`
	ItemRate  float64          `json:"work_items_per_second"`
	PayRate   float64          `json:"token_transfers_per_second"`
	DataMB    float64          `json:"data_mb_per_second"` // of bundles and exported segments that became available
	Fill      []float64        `json:"core_fill"`          // reports in the slots of the load, by core
	Latencies map[string]Delay `json:"latency"`            // from the submission, by stage
}

// Delay is how long a stage took to be reached.
type Delay struct {
	Mean  float64 `json:"mean_seconds"`
	Half  float64 `json:"p50_seconds"`
	Most  float64 `json:"p95_seconds"`
	Slots float64 `json:"mean_slots"`
}

// finality is how many slots a package is waited for to be final, once it is accumulated.
const finality = 4

// Settled says whether nothing more will come of any package.
func (l *Load) Settled() bool {
	n := l.Builder.Node
	now := n.Slots.At(n.Loop.Now())
	for _, r := range l.runs {
		if r.Has(builder.Final) || r.lost(now, n.Params) {
			continue
		}
		if !r.Has(builder.Accumulated) || now <= r.Slots[builder.Accumulated]+finality {
			return false
		}
	}
	return true
}

// Summary tells what became of the packages so far.
func (l *Load) Summary() *Summary {
	n := l.Builder.Node
	end, last := l.ended, l.last
	if !l.over {
		end, last = n.Loop.Now(), n.Slots.At(n.Loop.Now())
	}
	s := &Summary{Submitted: len(l.runs), Latencies: make(map[string]Delay), Fill: make([]float64, len(l.cores))}
	s.Seconds = end.Sub(l.began).Seconds()
	if l.over {
		s.Waited = int(n.Slots.At(n.Loop.Now()) - last)
	}
	if len(l.runs) == 0 {
		return s
	}
	var octets uint64
	reported := make([]int, len(l.cores))
	for _, r := range l.runs {
		octets += l.count(s, r)
		if r.Report != nil && int(r.Core) < len(reported) {
			reported[r.Core]++
		}
	}
	if slots := last - l.first + 1; slots > 0 {
		for i := range reported {
			s.Fill[i] = float64(reported[i]) / float64(slots)
		}
	}
	if s.Seconds > 0 {
		s.Reports, s.ItemRate = float64(s.Reported)/s.Seconds, float64(s.Items)/s.Seconds
		s.PayRate, s.DataMB = float64(s.Transfers)/s.Seconds, float64(octets)/1e6/s.Seconds
	}
	for stage := builder.Authorized; stage < builder.Stages; stage++ {
		if d, ok := l.delay(stage); ok {
			s.Latencies[stage.String()] = d
		}
	}
	var err error
	s.Exported, s.Imported, err = l.check()
	if s.Balanced = err == nil; err != nil {
		s.Wrong = err.Error()
	}
	return s
}

// count counts a package, and gives the octets that it made available.
func (l *Load) count(s *Summary, r *run) (octets uint64) {
	if r.Err != nil && !r.Has(builder.Authorized) {
		s.Refused++
	}
	if r.Report != nil {
		s.Reported++
	}
	if r.Report != nil && r.Has(builder.Available) {
		spec := &r.Report.Package
		octets = uint64(spec.BundleLength) + uint64(spec.ExportsCount)*uint64(l.Builder.Node.Params.SegmentOctets())
	}
	if r.Has(builder.Accumulated) {
		s.Accumulated++
		s.Items += r.items
		s.Transfers += l.Transfers
		if r.Report != nil {
			for i := range r.Report.Digests {
				if r.Report.Digests[i].Result.Outcome != 0 {
					s.Failed++
				}
			}
		}
	}
	if r.Has(builder.Final) {
		s.Final++
	}
	return octets
}

func (l *Load) delay(stage builder.Stage) (d Delay, ok bool) {
	var took []float64
	var slots protocol.Slot
	for _, r := range l.runs {
		if !r.Has(stage) {
			continue
		}
		took = append(took, r.At[stage].Sub(r.At[builder.Submitted]).Seconds())
		slots += r.Slots[stage] - r.Slots[builder.Submitted]
	}
	if len(took) == 0 {
		return d, false
	}
	slices.Sort(took)
	for _, t := range took {
		d.Mean += t / float64(len(took))
	}
	d.Half, d.Most = took[len(took)/2], took[len(took)*95/100]
	d.Slots = float64(slots) / float64(len(took))
	return d, true
}
