package importer

import (
	"time"

	"damson/state/transition"
)

// String names the stage.
func (s Stage) String() string { return stageNames[s] }

// Stages lists all stages, in the order that a block goes through them.
func Stages() []Stage {
	all := make([]Stage, stages)
	for i := range all {
		all[i] = Stage(i)
	}
	return all
}

// Measure enters a stage, and gives what is to be called when it is over, so that Options.Observe hears how long it took.
func (im *Importer) Measure(s Stage) (done func()) {
	s.Enter()
	if im.observe == nil {
		return unobserved
	}
	begun := time.Now()
	return func() { im.observe(s, time.Since(begun)) }
}

func unobserved() {}

// progress measures the stages of one block, each of which ends the one before.
type progress struct {
	importer *Importer
	leave    func()
}

func (p *progress) enter(s Stage) {
	p.leave()
	p.leave = p.importer.Measure(s)
}

// part enters the stage of a part of the transition.
func (p *progress) part(at transition.Part) {
	switch at {
	case transition.Consensus:
		p.enter(StageConsensus)
	case transition.Reporting:
		p.enter(StageReporting)
	case transition.Accumulation:
		p.enter(StageAccumulation)
	}
}
