package guarantor

import (
	"errors"
	"fmt"
	"io"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state/workreport"
)

// ErrMapping means that a sender's segment roots are not those of the packages.
const ErrMapping = protocol.Invalid("guarantor/bad_segment_root_mapping")

// ErrFull means that too many packages wait, or are being read.
var ErrFull = fmt.Errorf("guarantor: no room for another package: %w", jamnp.ErrBusy)

// admission is a package that a builder sends: CE 133, and CE 146 with what it imports.
type admission struct {
	g    *Guarantor
	x    jamnp.Exchange // nil if it came from here
	from jamnp.PeerID

	core protocol.Core
	data *bundle.Bundle
	hash protocol.Hash
	auth *workreport.Authorization

	mappings []block.SegmentRootEntry // as the builder says
	whole    bool                     // with imports
	done     func(error)
}

// submitted reads a package from a builder: first what it is, and all else when it is known to be authorized.
func (g *Guarantor) submitted(x jamnp.Exchange) {
	g.counts.Received++
	if err := g.room(x.Peer()); err != nil {
		g.counts.Refused++
		x.Reject(err)
		return
	}
	g.reading++
	g.admitting[x.Peer()]++
	a := &admission{g: g, x: x, from: x.Peer(), whole: x.Kind() == jamnp.WorkBundle}
	a.done = func(err error) { g.admitted(a, err) }
	if !a.whole {
		a.readPackage()
		return
	}
	g.readSharing(x, func(m *jamnp.Sharing, err error) {
		if err != nil {
			a.done(err)
			return
		}
		a.core, a.mappings = m.Core, m.Mappings
		a.readPackage()
	})
}

// readSharing reads the first message of CE 134 and CE 146: core and segment roots.
func (g *Guarantor) readSharing(x jamnp.Exchange, then func(*jamnp.Sharing, error)) {
	x.Next(jamnp.SharingLimit(g.Params), func(octets []byte, err error) {
		m := new(jamnp.Sharing)
		if err == nil {
			err = m.Decode(octets, g.Params)
		}
		then(m, err)
	})
}

func (g *Guarantor) room(from jamnp.PeerID) error {
	switch {
	case g.stopped || g.Ready != nil && !g.Ready():
		return ErrNotReady
	case g.reading >= maxReading || g.admitting[from] >= maxReadingEach:
		return ErrFull
	case len(g.jobs) >= maxJobs || g.octets >= maxJobOctets:
		return ErrFull
	}
	return nil
}

// admitted ends the reading of a package.
func (g *Guarantor) admitted(a *admission, err error) {
	g.reading--
	if g.admitting[a.from]--; g.admitting[a.from] == 0 {
		delete(g.admitting, a.from)
	}
	if err == nil {
		err = g.enqueue(a)
	}
	if err == nil {
		a.x.Answer()
		return
	}
	g.counts.Refused++
	g.log.Debug("a package is refused", "peer", a.from.PeerName(), "error", err)
	_, invalid := errors.AsType[protocol.Invalid](err)
	switch {
	case errors.Is(err, ErrTooLate):
	case errors.Is(err, workreport.ErrUnauthorized), errors.Is(err, workreport.ErrTrace):
		g.blame(a.from, blameUnauthorized, err)
	case invalid:
		g.blame(a.from, blameMalformed, err)
	}
	a.x.Reject(err)
}

// readPackage reads the package, octet for octet no further than to the one that proves it over a limit.
func (a *admission) readPackage() {
	p := a.g.Params
	limit := jamnp.PackageSubmissionLimit(p)
	if a.whole {
		limit = jamnp.PackageAloneLimit(p)
	}
	core := a.core
	var w *block.WorkPackage
	a.x.Stream(limit, func(r io.Reader) (err error) {
		if !a.whole {
			if core, err = readCore(r, p); err != nil {
				return err
			}
		}
		w, _, err = bundle.ReadPackage(r, p)
		return err
	}, func(err error) {
		if err != nil {
			a.done(err)
			return
		}
		a.core, a.data = core, bundle.New(w)
		a.authorize(func(err error) {
			if err != nil {
				a.done(err)
				return
			}
			a.readExtrinsics()
		})
	})
}

func readCore(r io.Reader, p *protocol.Params) (protocol.Core, error) {
	var octets [2]byte
	if _, err := io.ReadFull(r, octets[:]); err != nil {
		return 0, codec.ErrShort
	}
	d := codec.NewDecoder(octets[:])
	core := protocol.Core(d.U16())
	if int(core) >= p.Cores {
		return 0, jamnp.ErrCore
	}
	return core, nil
}

// authorize tells whether the package may be reported, as far as the package alone tells: cheap rules first, then Ψ_I.
func (a *admission) authorize(then func(error)) {
	g, w := a.g, a.data.Package
	a.hash = w.Hash()
	g.Events.Received(a.x, a.core, a.hash, w)
	if rotation, _ := g.rotation(a.core, 1); rotation == nil {
		then(ErrNotOurs)
		return
	}
	if err := g.unknown(a.hash); err != nil {
		then(err)
		return
	}
	x, err := g.past()
	if err != nil {
		then(err)
		return
	}
	g.Loop.Go(authorizeQueue, func() func() {
		err := x.remember(a.hash)
		if err == nil {
			err = x.check(w, a.hash, a.core)
		}
		if err == nil && !g.Chain.Ancestor(x.best.Hash, w.Context.LookupAnchor, w.Context.LookupAnchorSlot) {
			err = fmt.Errorf("%w: the lookup anchor is not an ancestor", ErrTooLate)
		}
		if err == nil {
			a.auth, err = g.Computer.Authorize(w, a.core, x.state)
		}
		return func() {
			if err == nil {
				g.Events.Authorized(a.x, a.auth)
			}
			then(err)
		}
	})
}

// unknown demands that a package is neither here nor guaranteed by others.
func (g *Guarantor) unknown(hash protocol.Hash) error {
	if _, guaranteed := g.Pool.Guaranteed(hash); guaranteed {
		return ErrKnown
	}
	for _, j := range g.jobs {
		if j.hash == hash {
			return ErrKnown
		}
	}
	return nil
}

// readExtrinsics reads the data that the package refers to.
func (a *admission) readExtrinsics() {
	w := a.data.Package
	length := 0
	for i := range w.Items {
		for j := range w.Items[i].Extrinsics {
			length += int(w.Items[i].Extrinsics[j].Length)
		}
	}
	a.x.Stream(length, func(r io.Reader) (err error) {
		a.data.Extrinsics, err = bundle.ReadExtrinsics(r, w)
		return err
	}, func(err error) {
		if err != nil {
			a.done(err)
			return
		}
		a.g.Events.Extrinsics(a.x)
		if a.whole {
			a.readImports()
		} else {
			a.end()
		}
	})
}

// readImports reads what CE 146 has more than CE 133: imported segments, and their proofs.
func (a *admission) readImports() {
	p, w := a.g.Params, a.data.Package
	count := 0
	for i := range w.Items {
		count += len(w.Items[i].Imports)
	}
	a.x.Stream(count*p.SegmentOctets(), func(r io.Reader) (err error) {
		a.data.Imports, err = bundle.ReadImports(r, w, p)
		return err
	}, func(err error) {
		if err != nil {
			a.done(err)
			return
		}
		a.x.Stream(bundle.ProofsOctets(count, p), func(r io.Reader) (err error) {
			a.data.Proofs, err = bundle.ReadProofs(r, w, p)
			return err
		}, func(err error) {
			if err != nil {
				a.done(err)
				return
			}
			a.end()
		})
	})
}

// end demands that nothing follows, and checks the imports that came along.
func (a *admission) end() {
	a.x.Next(0, func(_ []byte, err error) {
		if err == nil {
			err = jamnp.ErrMessages
		}
		if !errors.Is(err, io.EOF) {
			a.done(err)
			return
		}
		if !a.whole {
			a.done(nil)
			return
		}
		a.g.Loop.Go(authorizeQueue, func() func() {
			err := a.data.Verify(a.mappings)
			return func() { a.done(err) }
		})
	})
}
