package pool

// Waiting is how much waits to be put into blocks, as telemetry tells it.
type Waiting struct {
	Guarantees     []int // of each core
	Preimages      int
	PreimageOctets int
}

// Waiting gives how much waits.
func (p *Pool) Waiting() Waiting {
	w := Waiting{
		Guarantees: make([]int, p.opts.Params.Cores), Preimages: len(p.preimages.byKey), PreimageOctets: p.preimages.bytes,
	}
	for core, list := range p.guarantees.byCore {
		w.Guarantees[core] = len(list)
	}
	return w
}
