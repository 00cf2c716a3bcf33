package guarantor

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/roster"
	"damson/state/workreport"
)

// Why we do not help.
var (
	errElse   = fmt.Errorf("guarantor: at work on another package: %w", jamnp.ErrBusy)
	errNoHelp = errors.New("guarantor: not on the same core")
)

// share asks the others on the core for their signatures: CE 134.
func (w *work) share() {
	g := w.g
	first := jamnp.Sharing{Core: w.core, Mappings: w.roots}
	messages := [][]byte{jamnp.Encode(&first), w.data.AppendTo(make([]byte, 0, w.data.Size()))}
	for _, v := range w.rotation.Group(w.core) {
		to := w.rotation.Keys[v].Ed25519
		if v == w.self || to == (protocol.Ed25519Key{}) || slices.Contains(g.duties.banned, to) {
			continue
		}
		w.asked++
		g.Network.Request(to, jamnp.PackageSharing, messages, jamnp.RefinedLimit(g.Params), g.patience(shareTime),
			func(messages [][]byte, err error) {
				w.asked--
				var m jamnp.Refined
				if err == nil && len(messages) != 1 {
					err = jamnp.ErrMessages
				}
				if err == nil {
					err = m.Decode(messages[0], g.Params)
				}
				switch _, invalid := errors.AsType[protocol.Invalid](err); {
				case invalid:
					g.blame(to, blameMalformed, err)
				case err != nil:
					g.log.Debug("another guarantor does not sign", "peer", to.PeerName(), "error", err)
				default:
					w.answers = append(w.answers, answer{v, m})
				}
				w.progress()
			})
	}
}

// help is a package that another guarantor on the core wants to be signed.
type help struct {
	g     *Guarantor
	x     jamnp.Exchange
	core  protocol.Core
	slot  protocol.Slot
	roots []block.SegmentRootEntry
	data  *bundle.Bundle
}

// asked answers CE 134.
func (g *Guarantor) asked(x jamnp.Exchange) {
	if g.stopped || len(g.helping) >= maxHelping || g.Ready != nil && !g.Ready() {
		x.Reject(errElse)
		return
	}
	g.readSharing(x, func(m *jamnp.Sharing, err error) {
		if err != nil {
			g.refuse(x, err)
			return
		}
		h := &help{g: g, x: x, core: m.Core, roots: m.Mappings}
		slot, err := h.may()
		if err != nil {
			x.Reject(err)
			return
		}
		h.slot = slot
		g.helping = append(g.helping, h)
		h.yield()
		h.read()
	})
}

// may says whether we can sign for the core now, and for which slot.
func (h *help) may() (protocol.Slot, error) {
	g, from := h.g, h.x.Peer()
	rotation, slot := g.rotation(h.core, g.Params.RotationPeriod)
	if rotation == nil {
		return 0, errNoHelp
	}
	mine, group := rank(rotation, h.core, g.Key.Public, g.slot())
	other, ok := roster.Index(rotation.Keys, from)
	if !ok || !slices.Contains(group, other) {
		return 0, errNoHelp
	}
	if !g.guard.free(h.core, slot) || slices.ContainsFunc(g.helping, func(x *help) bool { return x.core == h.core && x.slot == slot }) {
		return 0, errElse
	}
	if w := g.working; w != nil && w.core == h.core {
		// Whoever's turn is before ours is helped, though we have begun ourselves, unless somebody helps us already.
		theirs, _ := rank(rotation, h.core, from, g.slot())
		if theirs > mine || len(w.signed)+len(w.answers) > 0 || w.own || w.signing {
			return 0, errElse
		}
	}
	return slot, nil
}

// yield gives up what we have begun for the core.
func (h *help) yield() {
	if w := h.g.working; w != nil && w.core == h.core {
		w.tries--
		w.end(errElse)
	}
}

// read reads the bundle.
func (h *help) read() {
	p := h.g.Params
	h.x.Stream(jamnp.BundleLimit(p), func(r io.Reader) (err error) {
		h.data, err = bundle.Read(r, p)
		return err
	}, func(err error) {
		if err != nil {
			h.end(err)
			return
		}
		h.x.Next(0, func(_ []byte, err error) {
			if err == nil {
				err = jamnp.ErrMessages
			}
			if !errors.Is(err, io.EOF) {
				h.end(err)
				return
			}
			h.check()
		})
	})
}

// check demands what may be known before the package is worked on.
func (h *help) check() {
	g, w := h.g, h.data.Package
	x, err := g.past()
	if err == nil {
		var own []block.SegmentRootEntry
		if own, err = g.lookups(x, w); err == nil && !slices.Equal(own, h.roots) {
			err = ErrMapping
		}
	}
	if err != nil {
		h.end(err)
		return
	}
	hash := w.Hash()
	g.Events.Received(h.x, h.core, hash, w)
	state := x.state
	g.Loop.Go(authorizeQueue, func() func() {
		err := x.remember(hash)
		if err == nil {
			err = x.check(w, hash, h.core)
		}
		if err == nil && !g.Chain.Ancestor(x.best.Hash, w.Context.LookupAnchor, w.Context.LookupAnchorSlot) {
			err = ErrTooLate
		}
		return func() {
			if err != nil {
				h.end(err)
				return
			}
			g.counts.Shared++
			g.refine(&workreport.Input{Core: h.core, Bundle: h.data, SegmentRoots: h.roots, State: state}, h.slot, h.refined)
		}
	})
}

func (h *help) refined(out *workreport.Output, err error) {
	if err != nil {
		h.end(err)
		return
	}
	g := h.g
	g.Events.Helped(h.x, out)
	report := out.Report.Hash()
	g.guard.sign(h.core, h.slot, g.slot(), report, func(signature protocol.Ed25519Signature, err error) {
		if err != nil {
			h.end(err)
			return
		}
		g.counts.Signed++
		h.x.Answer(jamnp.Encode(&jamnp.Refined{Report: report, Signature: signature}))
		h.close()
	})
}

func (h *help) end(err error) {
	h.g.refuse(h.x, err)
	h.close()
}

func (h *help) close() {
	h.g.helping = slices.DeleteFunc(h.g.helping, func(x *help) bool { return x == h })
	h.g.changed()
}

// refuse rejects a stream, and blames the peer for what breaks a rule that everybody can know.
func (g *Guarantor) refuse(x jamnp.Exchange, err error) {
	if _, invalid := errors.AsType[protocol.Invalid](err); invalid && !errors.Is(err, ErrTooLate) {
		g.blame(x.Peer(), blameMalformed, err)
	}
	x.Reject(err)
}
