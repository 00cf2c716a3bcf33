package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/net/jamnp"
	"damson/net/simnet"
	"damson/node/auditor"
	"damson/node/guarantor"
	"damson/node/roster"
	"damson/state"
)

// WorkReport is what became of packages in a run.
type WorkReport struct {
	Packages    int // submitted
	Reported    int // reports that were in blocks of honest nodes
	Available   int // of these
	Accumulated int // on the best chain in the end
	Wrong       int // reports whose result was wrong, and that became available
	Doubted     int // good ones that somebody called invalid
	Verdicts    int // on chain in the end
	Offenders   int // on chain in the end
	Tranches    int // announcements of a later tranche than the first
	Unlucky     int // nodes whose finality waits for a draw, when faults are long over
}

// sin is what a validator does wrong with work.
type sin uint8

// The sins. What is wrong with a pair of guarantors is not one of them: it is for a while.
const (
	innocent  sin = iota
	shirks        // announces audits and does none
	approves      // calls reports valid without a look
	denies        // calls reports invalid without a look
	boasts        // announces audits that it has not drawn
	withholds     // gives nobody the data that it assures
	sins
)

var sinNames = [...]string{"innocent", "shirks", "approves", "denies", "boasts", "withholds"}

// String names the sin.
func (s sin) String() string { return sinNames[s] }

// work is what is done in the cores of a world, and by whom it is done badly.
type work struct {
	world   *World
	rand    *rand.Rand
	builder *simnet.Node
	report  WorkReport

	sins   []sin         // by validator
	pair   []int         // guarantors who put wrong results into their reports, once they are chosen
	wrong  protocol.Slot // the first slot of the rotation in which they do so; 0: nobody does
	false_ bool          // they call their own reports valid
	done   bool          // a wrong report has become available
	load   float64       // packages for a core and slot
	sent   []submission
	boasts []boast
}

// submission is a package that was given to a guarantor.
type submission struct {
	key  string // that it sets
	slot protocol.Slot
	to   int
}

// boast is an announcement without evidence.
type boast struct {
	from    int
	block   protocol.Hash
	tranche uint8
}

// The cores of a world get packages until some slots before its end.
const (
	firstPackages = protocol.Slot(2)
	lastPackages  = protocol.Slot(8)
	maxBoasts     = 3 // of one validator: who boasts more is soon refused by all
)

// newWork draws who does what. All whose audits or guarantees are bad are together less than a third: GP §17 needs no more.
func newWork(w *World) *work {
	r := rand.New(rand.NewPCG(w.Seed, 0x776f726b))
	validators := len(w.Base.Keys)
	x := &work{world: w, rand: r, sins: make([]sin, validators), load: 0.7}
	if wide(w.Base.Params) {
		x.load = 0.35
	}
	order, budget := r.Perm(validators), (validators-1)/3
	theme := w.Seed % 3
	if theme == 0 || r.IntN(4) == 0 {
		x.wrong = w.Base.Params.RotationPeriod * protocol.Slot(1+r.IntN(3))
		x.false_ = r.IntN(2) == 0
		budget -= 2
	}
	bad := 0
	switch {
	case budget == 0:
	case theme == 1:
		bad = budget
	case r.IntN(3) == 0:
		bad = 1 + r.IntN(budget)
	}
	for _, i := range order[:bad] {
		switch x.sins[i] = shirks; r.IntN(6) {
		case 0:
			x.sins[i] = approves
		case 1:
			x.sins[i] = denies
		case 2:
			x.sins[i] = boasts
		}
	}
	if theme == 2 || r.IntN(4) == 0 {
		for _, i := range order[bad:][:1+r.IntN((validators-1)/3)] {
			x.sins[i] = withholds
		}
	}
	return x
}

// wide says whether there are more cores than everybody draws to audit at first.
func wide(p *protocol.Params) bool { return p.Cores > 10 }

// String names the sins.
func (x *work) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d cores", x.world.Base.Params.Cores)
	if x.wrong != 0 {
		fmt.Fprintf(&s, ", wrong reports from slot %d", x.wrong)
		if x.false_ {
			s.WriteString(" that their guarantors approve")
		}
	}
	for i, sin := range x.sins {
		if sin != innocent {
			fmt.Fprintf(&s, ", node %d %s", i, sin)
		}
	}
	return s.String()
}

// nobody is a handler that answers nothing.
type nobody struct{}

func (nobody) Connected(jamnp.Peer)                      {}
func (nobody) Disconnected(jamnp.PeerID, error)          {}
func (nobody) Handshake(jamnp.PeerID, jamnp.Kind) []byte { return nil }
func (nobody) Opened(jamnp.PeerID, jamnp.Kind, []byte)   {}
func (nobody) Received(jamnp.PeerID, jamnp.Kind, []byte) {}
func (nobody) Serve(x jamnp.Exchange)                    { x.Reject(jamnp.ErrClosed) }

// begin lets packages come.
func (x *work) begin() {
	w := x.world
	x.builder = w.net.Node(jamnp.PeerID{0xbb}, addressOf(len(w.Base.Keys)), nobody{}, nil)
	for i, k := range w.Base.Keys {
		x.builder.Connect(k.Ed25519.Public(), addressOf(i))
	}
	for slot := firstPackages; slot+lastPackages <= w.Slots; slot++ {
		w.After(w.slots.Start(slot).Sub(w.now)+100*time.Millisecond, func() { x.slot(slot) })
	}
}

// slot submits packages for a slot.
func (x *work) slot(slot protocol.Slot) {
	n := x.awake()
	if n == nil {
		return
	}
	best := n.node.Chain.Best()
	duties, err := roster.At(x.world.Base.Params, best.State, slot)
	if err != nil {
		x.world.checker.violated("the guarantors of slot %d are not known: %v", slot, err)
		return
	}
	x.misguide(n, duties, slot)
	for core := range protocol.Core(x.world.Base.Params.Cores) {
		var group []int
		for _, v := range duties.Now().Group(core) {
			if key := duties.Now().Keys[v].Ed25519; key != (protocol.Ed25519Key{}) {
				group = append(group, int(v))
			}
		}
		if len(group) >= 2 && x.rand.Float64() < x.load {
			x.submit(n, core, slot, among(x.rand, group))
		}
	}
	for _, other := range x.world.nodes {
		if x.sins[other.index] == boasts && other.life != nil {
			x.boast(other)
		}
	}
}

// awake gives a node that runs.
func (x *work) awake() *simNode {
	for _, i := range x.rand.Perm(len(x.world.nodes)) {
		if n := x.world.nodes[i]; n.life != nil {
			return n
		}
	}
	return nil
}

// misguide has two guarantors of one core do wrong while its rotation lasts, or until they have succeeded.
func (x *work) misguide(n *simNode, duties *roster.Roster, slot protocol.Slot) {
	rotation := x.world.Base.Params.RotationPeriod
	if x.wrong == 0 || x.done || slot < x.wrong || slot >= x.wrong+rotation {
		if x.done || slot >= x.wrong+rotation {
			for _, i := range x.pair {
				x.world.nodes[i].desk.mislead(false)
			}
		}
		return
	}
	for _, c := range x.rand.Perm(x.world.Base.Params.Cores) {
		var group []int
		for _, v := range duties.Now().Group(protocol.Core(c)) {
			if x.sins[v] == innocent && (x.pair == nil || slices.Contains(x.pair, int(v))) {
				group = append(group, int(v))
			}
		}
		if len(group) < 2 {
			continue
		}
		if x.pair == nil {
			x.pair = group[:2:2]
			x.world.say("nodes %v guarantee wrong reports for core %d", x.pair, c)
			for _, i := range x.pair {
				x.world.nodes[i].desk.mislead(true)
			}
		}
		x.submit(n, protocol.Core(c), slot, x.pair[int(slot)%2])
		return
	}
}

// submit sends a package that sets a key. It is anchored some blocks back, where no fork takes it away.
func (x *work) submit(n *simNode, core protocol.Core, slot protocol.Slot, to int) {
	w, anchor := x.world, n.node.Chain.Best()
	for range 2 {
		if parent := n.node.Chain.Parent(anchor); parent != nil && parent.Slot > 0 {
			anchor = parent
		}
	}
	recent, err := anchor.State.Recent()
	if err != nil {
		w.checker.violated("the history of a block is not known: %v", err)
		return
	}
	key := fmt.Sprintf("%d %d %d", slot, core, len(x.sent))
	var c services.Commands
	c.Set(key, "done")
	b := bundle.New(&block.WorkPackage{
		AuthCodeHash: services.Anyone().Hash, AuthToken: []byte(key),
		Context: block.RefinementContext{
			Anchor: anchor.Hash, AnchorStateRoot: anchor.StateRoot, AnchorBeefyRoot: recent.Blocks[len(recent.Blocks)-1].BeefyRoot,
			LookupAnchor: anchor.Hash, LookupAnchorSlot: anchor.Slot,
		},
		Items: []block.WorkItem{{CodeHash: services.Store().Hash, Payload: c.Payload(), RefineGas: 1_000_000, AccumulateGas: 100_000}},
	})
	kind, messages := guarantor.Messages(core, b, nil)
	x.report.Packages++
	x.sent = append(x.sent, submission{key, slot, to})
	x.builder.Request(w.nodes[to].id, kind, messages, 0, 4*time.Second, func(_ [][]byte, err error) {
		w.say("package %q for core %d at node %d: %v", key, core, to, err)
	})
}

// stored says whether a package has done its work.
func stored(sigma *state.State, key string) bool {
	value, _ := sigma.Get(state.StorageKey(0, []byte(key)))
	return string(value) == "done"
}

// mistake gives what an auditor does wrong.
func (x *work) mistake(i int, usual auditor.Mistake) auditor.Mistake {
	switch x.sins[i] {
	case shirks:
		return auditor.NoShow
	case approves:
		return auditor.JudgeUnseen
	case denies:
		return auditor.JudgeFalsely
	case boasts:
		return auditor.SkipTranches
	case innocent, withholds, sins:
	}
	if x.false_ && slices.Contains(x.pair, i) {
		return auditor.JudgeUnseen
	}
	return usual
}

// boast announces that a node audits what others have not yet audited of a block, in the second tranche or later, without being
// drawn: whoever believes it need not wait for those who are.
func (x *work) boast(n *simNode) {
	w := x.world
	said := 0
	for _, b := range x.boasts {
		if b.from == n.index {
			said++
		}
	}
	for b := n.node.Chain.Best(); b.Slot > n.node.Chain.Finalized().Slot && said < maxBoasts; b = n.node.Chain.Parent(b) {
		s := w.checker.blocks[b.Hash]
		tranche := w.now.Sub(w.slots.Start(b.Slot)) / (protocol.AuditTrancheSeconds * time.Second)
		if s == nil || len(s.available) == 0 || tranche < 1 {
			continue
		}
		x.announce(n, s, uint8(tranche))
		return
	}
}

// announce sends an announcement without evidence.
func (x *work) announce(n *simNode, s *seen, tranche uint8) {
	it := boast{n.index, s.hash, tranche}
	if slices.Contains(x.boasts, it) {
		return
	}
	x.boasts = append(x.boasts, it)
	key := x.world.Base.Keys[n.index]
	m := jamnp.AuditAnnounced{Block: s.hash, Tranche: tranche}
	var evidence jamnp.LaterEvidence
	message := append([]byte(protocol.ContextAnnounce), tranche)
	for _, hash := range s.available {
		r := jamnp.AuditedReport{Core: x.world.checker.work.reports[hash].core, Report: hash}
		m.Announcement.Reports = append(m.Announcement.Reports, r)
		message = append(append(message, byte(r.Core), byte(r.Core>>8)), hash[:]...)
		evidence = append(evidence, jamnp.TrancheEvidence{Signature: key.Bandersnatch.Sign(hash[:], nil)})
	}
	m.Announcement.Signature = key.Ed25519.Sign(append(message, s.hash[:]...))
	for i := range evidence {
		evidence[i].NoShows = []jamnp.NoShow{{Validator: protocol.Validator(n.index), Announcement: m.Announcement}}
	}
	x.world.say("node %d boasts of %s in tranche %d", n.index, s.hash, tranche)
	for _, other := range x.world.nodes {
		if other != n {
			n.network.Request(other.id, jamnp.AuditAnnouncement, [][]byte{jamnp.Encode(&m), jamnp.Encode(&evidence)}, 0, 4*time.Second,
				func([][]byte, error) {})
		}
	}
}
