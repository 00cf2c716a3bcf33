package guarantor

import (
	"errors"
	"io"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/pool"
	"damson/state"
	"damson/state/reports"
)

// distribute sends a guaranteed report to all who may put it into a block: CE 135.
func (g *Guarantor) distribute(x *block.Guarantee) {
	g.Pool.AddGuarantee(x, func(err error) {
		if err != nil {
			g.log.Warn("our own guarantee is not taken", "package", x.Report.Package.Hash, "error", err)
		}
	})
	duties, err := g.roster()
	if err != nil {
		g.log.Error("the validators are not known", "error", err)
		return
	}
	sets := []state.Validators{duties.Active}
	if duties.LastOfEpoch() { // the next epoch's too
		if gamma, err := g.Chain.Best().State.Safrole(); err == nil {
			sets = append(sets, gamma.Pending)
		}
	}
	message := [][]byte{jamnp.Encode(&jamnp.GuaranteedReport{Guarantee: *x})}
	sent := map[protocol.Ed25519Key]bool{g.Key.Public: true, {}: true}
	for _, set := range sets {
		for i := range set {
			to := set[i].Ed25519
			if sent[to] {
				continue
			}
			sent[to] = true
			g.Network.Request(to, jamnp.ReportDistribution, message, 0, g.patience(sendTime), func(_ [][]byte, err error) {
				if err != nil {
					g.log.Debug("a guarantee is not taken", "peer", to.PeerName(), "error", err)
				}
			})
		}
	}
}

// guaranteed takes in a guaranteed report of others.
func (g *Guarantor) guaranteed(x jamnp.Exchange) {
	x.Next(jamnp.GuaranteedReportLimit(g.Params), func(octets []byte, err error) {
		m := new(jamnp.GuaranteedReport)
		if err == nil {
			err = m.Decode(octets, g.Params)
		}
		if err != nil {
			g.refuse(x, err)
			return
		}
		x.Next(0, func(_ []byte, err error) {
			if err == nil {
				err = jamnp.ErrMessages
			}
			if !errors.Is(err, io.EOF) {
				g.refuse(x, err)
				return
			}
			if early := g.Slots.Start(m.Guarantee.Slot).Sub(g.Loop.Now()); early > 0 && early < g.Slots.Scale(maxEarly) {
				g.Loop.After(early, func() { g.take(x, &m.Guarantee) }) // the clocks differ
				return
			}
			g.take(x, &m.Guarantee)
		})
	})
}

func (g *Guarantor) take(x jamnp.Exchange, m *block.Guarantee) {
	g.Pool.AddGuarantee(m, func(err error) {
		switch {
		case err == nil:
			g.counts.Taken++
			g.changed()
		case !errors.Is(err, pool.ErrKnown):
			if faulty(err) {
				g.blame(x.Peer(), blameMalformed, err)
			}
			x.Reject(err)
			return
		}
		x.Answer()
	})
}

// faulty says whether a guarantee is wrong on whatever block: who knows another best block than we do may be right about the rest.
func faulty(err error) bool {
	return slices.ContainsFunc([]protocol.Invalid{
		reports.ErrBadCoreIndex, reports.ErrFewGuarantees, reports.ErrGuarantorOrder, reports.ErrBadValidatorIndex,
		reports.ErrManyDependencies, reports.ErrDependencyOrder, reports.ErrTooBig, reports.ErrNoResults,
		reports.ErrReportGasTooHigh, reports.ErrBadSignature,
	}, func(rule protocol.Invalid) bool { return errors.Is(err, rule) })
}

// Serve answers a stream of the kinds 133 to 135 and 146. It reports false for another kind.
func (g *Guarantor) Serve(x jamnp.Exchange) bool {
	switch x.Kind() { //nolint:exhaustive // other duties serve the others
	case jamnp.WorkPackage, jamnp.WorkBundle:
		g.submitted(x)
	case jamnp.PackageSharing:
		g.asked(x)
	case jamnp.ReportDistribution:
		g.guaranteed(x)
	default:
		return false
	}
	return true
}
