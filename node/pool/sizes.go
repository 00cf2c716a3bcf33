package pool

// Sizes are how many things of each kind the pool has.
type Sizes struct {
	Tickets, Assurances, Guarantees, Preimages, Judgments int
	PreimageBytes                                         int
	Checking                                              int // items of any kind that are being checked
}

// Sizes counts.
func (p *Pool) Sizes() Sizes {
	s := Sizes{
		Tickets: len(p.tickets.byID), Preimages: len(p.preimages.byKey), PreimageBytes: p.preimages.bytes, Checking: p.checking,
	}
	for _, a := range p.assurances.byAnchor {
		for _, one := range a.byValidator {
			if one != nil {
				s.Assurances++
			}
		}
	}
	for _, list := range p.guarantees.byCore {
		s.Guarantees += len(list)
	}
	for _, j := range p.judgments.byReport {
		s.Judgments += len(j.byKey)
	}
	return s
}
