package telemetry

import (
	"damson/crypto/ed25519"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/guarantor"
	"damson/state/workreport"
)

// packages are those that the guarantor is about.
type packages struct {
	byHash  map[protocol.Hash]*submission
	order   []*submission // as they came
	working *submission   // the one that the others are asked to sign
}

// maxPackages bounds the packages that are remembered.
const maxPackages = 512

// submission is a package that has come from a builder, or from another guarantor.
type submission struct {
	id      uint64
	hash    protocol.Hash
	core    protocol.Core
	imports []block.Import // in their order
	ready   bool           // they are here
	own     bool           // we are the primary guarantor
}

// event gives what the events of a package refer to.
func (s *submission) event() uint64 {
	if s == nil {
		return None
	}
	return s.id
}

// pageBit marks a page with proofs in the place of a segment.
const pageBit = 1 << 15

// importOf gives the place of a segment among the imports. Of those whose root is not told, the first with the index counts; what is
// not among the imports is a page with proofs, of which the place of the first import is told.
func (s *submission) importOf(root protocol.Hash, index uint16) uint16 {
	if s == nil {
		return index
	}
	for i := range s.imports {
		r := &s.imports[i]
		if r.Index == index && (root == protocol.Hash{} || r.ByPackage || r.Root == root) {
			return uint16(i)
		}
	}
	return pageBit
}

// fetching gives the package for which segments are being got; nil if it is not known.
func (p *Probe) fetching() *submission {
	for _, s := range p.packages.order {
		if s.own && !s.ready && len(s.imports) > 0 {
			return s
		}
	}
	return nil
}

func (p *Probe) received(x jamnp.Exchange, core protocol.Core, hash protocol.Hash, w *block.WorkPackage) {
	e, ok := x.(*exchange)
	if !ok {
		return
	}
	s := &submission{id: e.begun, hash: hash, core: core, own: e.Kind() != jamnp.PackageSharing}
	for i := range w.Items {
		s.imports = append(s.imports, w.Items[i].Imports...)
	}
	e.pack = s
	p.Emit(PackageReceived, s.id, core, packageOf(w, hash))
	if !s.own { // all of it has come at once
		p.Emit(ExtrinsicsReceived, s.id)
		p.Emit(ImportsReceived, s.id)
	}
}

func (p *Probe) authorized(x jamnp.Exchange, a *workreport.Authorization) {
	if e, ok := x.(*exchange); ok {
		p.Emit(Authorized, e.begun, AuthorizationCost{Total: Cost{Gas: uint64(a.GasUsed)}})
	}
}

// extrinsics takes a package in that may go on from here.
func (p *Probe) extrinsics(x jamnp.Exchange) {
	e, ok := x.(*exchange)
	if !ok || e.pack == nil {
		return
	}
	p.Emit(ExtrinsicsReceived, e.begun)
	k := &p.packages
	if k.byHash[e.pack.hash] != nil {
		return
	}
	if len(k.order) >= maxPackages {
		delete(k.byHash, k.order[0].hash)
		k.order = k.order[1:]
	}
	k.byHash[e.pack.hash] = e.pack
	k.order = append(k.order, e.pack)
}

// Stage is told how far a package has come: it is for node.Events.
func (p *Probe) Stage(hash protocol.Hash, stage guarantor.Stage, err error) {
	s := p.packages.byHash[hash]
	if s == nil {
		return
	}
	switch stage {
	case guarantor.Ready:
		if !s.ready {
			s.ready = true
			p.Emit(ImportsReceived, s.id)
		}
	case guarantor.Dropped:
		p.forget(s)
		p.Emit(PackageFailed, s.id, words(err))
	case guarantor.Admitted, guarantor.Refined, guarantor.Guaranteed:
	}
}

func (p *Probe) forget(s *submission) {
	k := &p.packages
	delete(k.byHash, s.hash)
	for i := range k.order {
		if k.order[i] == s {
			k.order = append(k.order[:i:i], k.order[i+1:]...)
			return
		}
	}
}

func (p *Probe) working(hash protocol.Hash) { p.packages.working = p.packages.byHash[hash] }

func (p *Probe) refined(hash protocol.Hash, o *workreport.Output) {
	if s := p.packages.byHash[hash]; s != nil {
		p.report(s.id, o)
	}
}

func (p *Probe) helped(x jamnp.Exchange, o *workreport.Output) {
	if e, ok := x.(*exchange); ok {
		p.Emit(Authorized, e.begun, AuthorizationCost{Total: Cost{Gas: uint64(o.Report.AuthGasUsed)}})
		p.report(e.begun, o)
	}
}

// report tells of a report, and of what its refinement cost: gas, and no times.
func (p *Probe) report(id uint64, o *workreport.Output) {
	costs := make([]RefineCost, len(o.Report.Digests))
	for i := range costs {
		costs[i].Total.Gas = uint64(o.Report.Digests[i].RefineGasUsed)
	}
	p.Emit(Refined, id, costs)
	spec := &o.Report.Package
	p.Emit(ReportBuilt, id, Report{Hash(o.Report.Hash()), spec.BundleLength, Hash(spec.ErasureRoot), Hash(spec.ExportsRoot)})
}

// share tells of CE 134.
func (p *Probe) share(id jamnp.PeerID, connected bool) ended {
	of := p.packages.working.event()
	p.Emit(SharingPackage, of, Peer(id))
	if connected {
		p.Emit(BundleSent, of, Peer(id))
	}
	return func(answer [][]byte, err error) {
		var m jamnp.Refined
		if err == nil && len(answer) != 1 {
			err = jamnp.ErrMessages
		}
		if err == nil {
			err = m.Decode(answer[0], p.params)
		}
		if err == nil && !ed25519.Verify(id, append([]byte(protocol.ContextGuarantee), m.Report[:]...), m.Signature) {
			err = errSignature
		}
		if err != nil {
			p.Emit(PackageSharingFailed, of, Peer(id), words(err))
			return
		}
		p.Emit(ReportSignatureReceived, of, Peer(id))
	}
}

const errSignature = protocol.Invalid("telemetry/bad_signature_of_report")

// distribute tells of CE 135, which goes to many.
func (p *Probe) distribute(id jamnp.PeerID, message []byte) ended {
	built, done := p.join(&p.guarantee, message, func() uint64 {
		m := new(jamnp.GuaranteedReport)
		if m.Decode(message, p.params) != nil {
			return None // it is our own: this cannot be
		}
		s := p.packages.byHash[m.Guarantee.Report.Package.Hash]
		p.guaranteed = s
		return p.Emit(GuaranteeBuilt, s.event(), guaranteeOf(&m.Guarantee))
	})
	s := p.guaranteed
	begun := p.Emit(SendingGuarantee, built, Peer(id))
	return func(_ [][]byte, err error) {
		if err != nil {
			p.Emit(GuaranteeSendFailed, begun, words(err))
		} else {
			p.Emit(GuaranteeSent, begun)
		}
		if done() {
			p.Emit(GuaranteesDistributed, s.event())
			if s != nil {
				p.forget(s)
			}
		}
	}
}

func guaranteeOf(g *block.Guarantee) Guarantee {
	out := Guarantee{Report: Hash(g.Report.Hash()), Slot: g.Slot, Guarantors: []protocol.Validator{}}
	for i := range g.Credentials {
		out.Guarantors = append(out.Guarantors, g.Credentials[i].Validator)
	}
	return out
}

func packageOf(w *block.WorkPackage, hash protocol.Hash) Package {
	o := Package{
		Size: uint32(len(w.AppendTo(nil))), Hash: Hash(hash), Anchor: Hash(w.Context.Anchor), LookupSlot: w.Context.LookupAnchorSlot,
		Prerequisites: []Hash{}, Items: []Item{},
	}
	for _, h := range w.Context.Prerequisites {
		o.Prerequisites = append(o.Prerequisites, Hash(h))
	}
	for i := range w.Items {
		x := &w.Items[i]
		item := Item{
			Service: x.Service, Payload: uint32(len(x.Payload)), RefineGas: uint64(x.RefineGas), AccumulateGas: uint64(x.AccumulateGas),
			Imports: []Import{}, Exports: x.Exports,
		}
		for j := range x.Extrinsics {
			item.ExtrinsicOctets += x.Extrinsics[j].Length
		}
		for _, r := range x.Imports {
			index := r.Index
			if r.ByPackage {
				index |= pageBit
			}
			item.Imports = append(item.Imports, Import{Hash(r.Root), index})
		}
		o.Items = append(o.Items, item)
	}
	return o
}
