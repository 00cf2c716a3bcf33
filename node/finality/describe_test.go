package finality

import "fmt"

// describe says where a voter stands.
func (v *Voter) describe() string {
	if v == nil {
		return "down"
	}
	out := fmt.Sprintf("set %d self %d casting %v mute %v finalizing %v held %d;", v.set.ID, v.self, v.casting, v.mute, v.finalizing != nil, len(v.held))
	for _, r := range v.rounds {
		v.count(r)
		e, completable := estimate(r.prevotes, r.precommits)
		out += fmt.Sprintf("\n  round %d: E before %d, known %v, own %v, E %v completable %v", r.number, r.estimate.Slot,
			v.tree.find(r.estimate.Header) != nil, r.own, e, completable)
		for t, y := range []*tally{r.prevotes, r.precommits} {
			out += fmt.Sprintf("\n    type %d: known %d liars %d unknown %d g %v", t, y.known, y.liars, len(y.unknown), y.ghost())
		}
	}
	return out
}
