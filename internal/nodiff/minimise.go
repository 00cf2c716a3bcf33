package nodiff

// Minimise leaves out of a program what its difference does not need. fails reports whether a case still shows it.
func Minimise(p *Program, fails func(*Case) bool) *Program {
	best := *p
	for changed := true; changed; {
		changed = false
		for step := max(len(best.Insts)/2, 1); step >= 1; step /= 2 {
			for at := 0; at+step <= len(best.Insts); {
				if q := best.without(at, step); fails(q.Case()) {
					best, changed = *q, true
					continue
				}
				at += step
			}
		}
		for i := range best.Rest.Regs {
			q := best
			if q.Rest.Regs[i] == 0 {
				continue
			}
			if q.Rest.Regs[i] = 0; fails(q.Case()) {
				best, changed = q, true
			}
		}
		if q := best; q.Rest.Exits > 0 {
			if q.Rest.Exits--; fails(q.Case()) {
				best, changed = q, true
			}
		}
	}
	return &best
}

// without leaves out n instructions; what led to them leads to the next.
func (p *Program) without(at, n int) *Program {
	q := &Program{Rest: p.Rest}
	moved := func(target int) int {
		switch {
		case target >= at+n:
			return target - n
		case target > at:
			return at
		}
		return target
	}
	for i, in := range p.Insts {
		if i < at || i >= at+n {
			in.Target = moved(in.Target)
			q.Insts = append(q.Insts, in)
		}
	}
	for _, target := range p.Jumps {
		q.Jumps = append(q.Jumps, moved(target))
	}
	return q
}
