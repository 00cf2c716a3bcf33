package importer

import (
	"context"
	"runtime/pprof"
)

// Stage is a part of the work on a block. Profiles name it by the label "stage" of the goroutines at it, and of those
// that they start; to set it costs as much as to write a pointer, so that it is always set.
type Stage int

// The stages.
const (
	StageDecode       Stage = iota
	StageConsensus          // disputes, safrole, the header
	StageReporting          // assurances, guarantees
	StageAccumulation       // services, and what depends on them
	StageClaims             // signatures and proofs, beside the others
	StageRoot               // the posterior state: encoding, trie, root
	StageStore              // what the disk is handed
	StageWarm               // code that a later block may run
	stages
)

var stageNames = [stages]string{"decode", "consensus", "reporting", "accumulation", "claims", "root", "store", "warm"}

var stageLabels = func() (l [stages]context.Context) {
	for i, name := range stageNames {
		l[i] = pprof.WithLabels(context.Background(), pprof.Labels("stage", name))
	}
	return l
}()

// Enter labels the goroutine.
func (s Stage) Enter() { pprof.SetGoroutineLabels(stageLabels[s]) }

// LeaveStages takes the label off the goroutine.
func LeaveStages() { pprof.SetGoroutineLabels(context.Background()) }
