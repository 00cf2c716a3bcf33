package guarantor

import (
	"cmp"
	"errors"
	"slices"

	"damson/crypto/ed25519"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/loop"
	"damson/node/roster"
	"damson/state/service"
	"damson/state/workreport"
)

// ErrAlone means that none of the others on the core signed the report.
var ErrAlone = errors.New("guarantor: none of the others on the core signed")

// work is one try to have a package guaranteed.
type work struct {
	*job
	rotation *roster.Rotation
	at       protocol.Slot // of the guarantee
	self     protocol.Validator

	asked    int // who have not answered
	answers  []answer
	signed   []block.Credential
	signing  bool
	own      bool // we have signed
	deadline loop.Timer
	third    loop.Timer
	ended    bool
}

// answer is what one of the others said.
type answer struct {
	from protocol.Validator
	jamnp.Refined
}

// begin works on a package: it is refined here while the others are asked to do the same.
func (g *Guarantor) begin(j *job, rotation *roster.Rotation, slot protocol.Slot) {
	w := &work{job: j, rotation: rotation, at: slot}
	w.self, _ = roster.Index(rotation.Keys, g.Key.Public)
	g.working = w
	j.tries++
	j.slot = g.slot()
	w.deadline = g.Loop.After(g.patience(shareTime), func() { w.end(ErrAlone) })
	g.Events.Working(j.hash)
	w.share()
	if j.out != nil {
		w.progress()
		return
	}
	g.refine(&workreport.Input{
		Core: j.core, Bundle: j.data, SegmentRoots: j.roots, State: g.Chain.Best().State, Authorization: j.auth,
	}, slot, func(out *workreport.Output, err error) {
		if err != nil {
			w.end(err)
			g.drop(j, err)
			return
		}
		j.out = out
		g.Stage(j.hash, Refined, nil)
		g.Events.Refined(j.hash, out)
		w.progress()
	})
}

// refine computes a report, and puts the package on the shelf before anybody hears of it.
func (g *Guarantor) refine(in *workreport.Input, slot protocol.Slot, then func(*workreport.Output, error)) {
	wrong := g.Mistakes.WrongResult
	g.Loop.Go(refineQueue, func() func() {
		out, err := g.Computer.Compute(in)
		if err == nil {
			err = failed(in.State)
		}
		if err == nil && wrong {
			out.Report.Digests[0].Result = block.Result{Outcome: block.OutcomePanic}
		}
		if err == nil {
			err = g.Shelf.PutPackage(&out.Report.Package, slot, out.Bundle, out.Available.Segments.Exports)
		}
		return func() {
			if err == nil {
				g.counts.Refined++
				g.Keeper.Guaranteed(out.Available)
			}
			then(out, err)
		}
	})
}

// failed says whether the state could not be read, so that nothing is known.
func failed(s service.Reader) error {
	if x, ok := s.(interface{ Err() error }); ok {
		return x.Err()
	}
	return nil
}

// progress looks whether there are enough signatures, when our own result is known.
func (w *work) progress() {
	g := w.g
	if w.ended || w.out == nil {
		return
	}
	report := w.out.Report.Hash()
	for _, a := range w.answers {
		w.judge(a, report)
	}
	w.answers = nil
	switch {
	case len(w.signed) == 0 && w.asked == 0:
		w.end(ErrAlone)
	case len(w.signed) == 0 || w.signing:
	case !w.own:
		w.signing = true
		g.guard.sign(w.core, w.at, g.slot(), report, func(signature protocol.Ed25519Signature, err error) {
			w.signing = false
			switch {
			case w.ended:
			case err != nil && len(w.signed) < 2:
				w.end(err)
			default:
				if err == nil {
					g.counts.Signed++
					w.signed = append(w.signed, block.Credential{Validator: w.self, Signature: signature})
				}
				w.own = true
				w.progress()
			}
		})
	case w.asked == 0:
		w.finish()
	case w.third == nil:
		w.third = g.Loop.After(g.Slots.Scale(thirdTime), w.finish)
	}
}

// judge holds an answer against our own result.
func (w *work) judge(a answer, report protocol.Hash) {
	key := w.rotation.Keys[a.from].Ed25519
	switch {
	case a.Report != report:
		w.g.log.Warn("another guarantor comes to another report", "package", w.hash, "peer", key.PeerName())
	case !ed25519.Verify(key, append([]byte(protocol.ContextGuarantee), report[:]...), a.Signature):
		w.g.blame(key, blameMalformed, errSignature)
	default:
		w.signed = append(w.signed, block.Credential{Validator: a.from, Signature: a.Signature})
	}
}

const errSignature = protocol.Invalid("guarantor/bad_signature_of_report")

// end gives the try up. The package may have another one.
func (w *work) end(why error) {
	if w.ended {
		return
	}
	w.close()
	w.g.log.Debug("a package is not guaranteed", "package", w.hash, "try", w.tries, "error", why)
	if w.tries >= maxTries {
		w.g.drop(w.job, why)
	}
	w.g.changed()
}

func (w *work) close() {
	w.ended = true
	w.g.working = nil
	for _, t := range [...]loop.Timer{w.deadline, w.third} {
		if t != nil {
			t.Stop()
		}
	}
}

// finish sends the guaranteed report to everybody.
func (w *work) finish() {
	if w.ended {
		return
	}
	w.close()
	g := w.g
	slices.SortFunc(w.signed, func(a, b block.Credential) int { return cmp.Compare(a.Validator, b.Validator) })
	g.distribute(&block.Guarantee{Report: *w.out.Report, Slot: w.at, Credentials: w.signed})
	g.counts.Guaranteed++
	g.remove(w.job)
	g.Stage(w.hash, Guaranteed, nil)
	g.changed()
}
