package auditor

import (
	"errors"
	"testing"

	"damson/internal/codec"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state"
	"damson/state/claim"
)

// stage has validators and a block of whose reports they announce audits.
type stage struct {
	t       *testing.T
	params  *protocol.Params
	secrets []devchain.Validator
	set     state.Validators
	block   protocol.Hash
	seed    protocol.Hash
	reports []jamnp.AuditedReport
	auditor *Auditor
}

func newStage(t *testing.T) *stage {
	p := protocol.Tiny()
	p.Cores = 24
	s := &stage{t: t, params: p, secrets: devchain.Validators(p.Validators), block: seedOf(1), seed: seedOf(2)}
	for i := range s.secrets {
		s.set = append(s.set, s.secrets[i].Keys)
	}
	for core := range protocol.Core(p.Cores) {
		s.reports = append(s.reports, jamnp.AuditedReport{Core: core, Report: seedOf(3, uint64(core))})
	}
	s.auditor = &Auditor{Options: Options{Params: p, Verifier: claim.New(claim.Options{})}}
	return s
}

func (s *stage) sign(v protocol.Validator, tranche uint8, list ...jamnp.AuditedReport) *jamnp.AuditList {
	return &jamnp.AuditList{
		Reports: list, Signature: s.secrets[v].Ed25519.Sign(announcementMessage(s.block, tranche, list)),
	}
}

func (s *stage) vrf(v protocol.Validator, input []byte) protocol.VRFSignature {
	return s.secrets[v].Bandersnatch.Sign(input, nil)
}

func (s *stage) check(v protocol.Validator, tranche uint8, list *jamnp.AuditList, evidence interface{ AppendTo([]byte) []byte }) error {
	c := &check{
		auditor: s.auditor, block: s.block, seed: s.seed, set: s.set, reports: s.reports, who: v, tranche: tranche, list: list,
	}
	return c.verify(jamnp.Encode(evidence))
}

func (s *stage) want(what string, got, want error) {
	s.t.Helper()
	if !errors.Is(got, want) || (want == nil) != (got == nil) {
		s.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestFirstEvidence(t *testing.T) {
	s := newStage(t)
	const v = 3
	e := &jamnp.FirstEvidence{Signature: s.vrf(v, firstInput(s.seed))}
	out, err := output(&e.Signature)
	s.want("output", err, nil)
	drawn := firstTranche(s.params, s.reports, out)
	if len(drawn) != initialCores {
		t.Fatalf("%d drawn", len(drawn))
	}
	s.want("all", s.check(v, 0, s.sign(v, 0, drawn...), e), nil)
	s.want("some", s.check(v, 0, s.sign(v, 0, drawn[2:5]...), e), nil)
	s.want("another's announcement", s.check(v, 0, s.sign(4, 0, drawn...), e), ErrAnnouncement)
	s.want("of another tranche", s.check(v, 0, s.sign(v, 1, drawn...), e), ErrAnnouncement)
	for _, r := range s.reports {
		if s.contains(drawn, r) {
			continue
		}
		s.want("not drawn", s.check(v, 0, s.sign(v, 0, append(drawn[:3:3], r)...), e), ErrNotChosen)
	}
	s.want("another's draw", s.check(v, 0, s.sign(v, 0, drawn...), &jamnp.FirstEvidence{Signature: s.vrf(4, firstInput(s.seed))}), ErrEvidence)
	s.want("draw of another block", s.check(v, 0, s.sign(v, 0, drawn...), &jamnp.FirstEvidence{Signature: s.vrf(v, firstInput(s.block))}), ErrEvidence)
	s.want("no draw", s.check(v, 0, s.sign(v, 0, drawn...), &jamnp.FirstEvidence{}), ErrEvidence)
	s.want("too short", s.check(v, 0, s.sign(v, 0, drawn...), &jamnp.LaterEvidence{}), codec.ErrShort)
}

func (s *stage) contains(list []jamnp.AuditedReport, r jamnp.AuditedReport) bool {
	for _, other := range list {
		if other == r {
			return true
		}
	}
	return false
}

func TestLaterEvidence(t *testing.T) {
	s := newStage(t)
	// A report that validator 0 draws in tranche 2 if two did not show up, but not if one did not.
	const who, tranche = protocol.Validator(0), 2
	var r jamnp.AuditedReport
	var draw protocol.VRFSignature
	for _, r = range s.reports {
		draw = s.vrf(who, laterInput(s.seed, r.Report, tranche))
		if out, _ := output(&draw); chosen(s.params, out, 2) && !chosen(s.params, out, 1) {
			break
		}
	}
	missing := func(tranche uint8, validators ...protocol.Validator) (list []jamnp.NoShow) {
		for _, v := range validators {
			list = append(list, jamnp.NoShow{Validator: v, Announcement: *s.sign(v, tranche, s.reports[1], r)})
		}
		return list
	}
	evidence := func(list []jamnp.NoShow) *jamnp.LaterEvidence {
		return &jamnp.LaterEvidence{{Signature: draw, NoShows: list}}
	}
	own := s.sign(who, tranche, r)
	s.want("two missing", s.check(who, tranche, own, evidence(missing(1, 2, 3))), nil)
	s.want("two missing of the tranche before", s.check(who, tranche, own, evidence(missing(0, 2, 3))), nil)
	s.want("one missing", s.check(who, tranche, own, evidence(missing(1, 2))), ErrNotChosen)
	s.want("none missing", s.check(who, tranche, own, evidence(nil)), ErrNoShow)
	s.want("one twice", s.check(who, tranche, own, evidence(missing(1, 2, 2))), ErrNoShow)
	s.want("itself", s.check(who, tranche, own, evidence(missing(1, 2, who))), ErrNoShow)
	s.want("of this tranche", s.check(who, tranche, own, evidence(missing(2, 2, 3))), ErrNoShow)
	s.want("of several tranches", s.check(who, tranche, own, evidence(append(missing(1, 2), missing(0, 3)...))), ErrNoShow)
	forged := missing(1, 2, 3)
	forged[1].Announcement.Signature[7] ^= 1
	s.want("a forged no-show", s.check(who, tranche, own, evidence(forged)), ErrNoShow)
	other := missing(1, 2, 3)
	other[1].Announcement = *s.sign(3, 1, s.reports[1])
	if s.reports[1] != r {
		s.want("a no-show for another report", s.check(who, tranche, own, evidence(other)), ErrNoShow)
	}
	draw = s.vrf(who, laterInput(s.seed, r.Report, tranche+1))
	s.want("the draw of another tranche", s.check(who, tranche, own, evidence(missing(1, 2, 3))), ErrEvidence)
	s.want("evidence for less", s.check(who, tranche, s.sign(who, tranche, r, s.reports[5]), evidence(missing(1, 2, 3))), ErrEvidence)
}

// TestNoShows looks at whom others step in for: those of the last tranche in which somebody drew the report.
func TestNoShows(t *testing.T) {
	s := newStage(t)
	x := &audit{set: s.set}
	it := &item{AuditedReport: s.reports[0], report: &report{byJudge: make(map[protocol.Ed25519Key]*word)}}
	count := func(n uint8) int { return len(x.noShows(it, n)) }
	if count(1) != 0 {
		t.Error("nobody has drawn it")
	}
	for v := range protocol.Validator(3) {
		it.hear(heard{v, 0, nil})
	}
	it.hear(heard{4, 2, nil})
	it.hear(heard{2, 1, nil}) // who has it already
	it.report.byJudge[s.set[1].Ed25519] = &word{good: true}
	it.report.byJudge[s.set[2].Ed25519] = &word{bad: true}
	for n, want := range []int{0, 2, 2, 1, 1} {
		if got := count(uint8(n)); got != want {
			t.Errorf("tranche %d: %d, want %d", n, got, want)
		}
	}
	it.report.byJudge[s.set[4].Ed25519] = &word{good: true}
	if count(3) != 0 || count(2) != 2 {
		t.Error("a judgment does not count")
	}
}

// TestIsAudited is U of GP §17 by cases.
func TestIsAudited(t *testing.T) {
	s := newStage(t)
	a := &Auditor{self: s.set[5].Ed25519}
	x := &audit{set: s.set}
	for _, tc := range []struct {
		what      string
		heard     [][]protocol.Validator // by tranche
		good, bad []protocol.Validator
		want      bool
	}{
		{"nothing", nil, nil, nil, false},
		{"all of the first tranche", [][]protocol.Validator{{0, 1}}, []protocol.Validator{0, 1}, nil, true},
		{"one is missing", [][]protocol.Validator{{0, 1}}, []protocol.Validator{0, 2, 3}, nil, false},
		{"all of a later tranche", [][]protocol.Validator{{0, 1}, {}, {3}}, []protocol.Validator{0, 3}, nil, true},
		{"an empty tranche is none", [][]protocol.Validator{{0, 1}, {}}, []protocol.Validator{0}, nil, false},
		{"somebody is against it", [][]protocol.Validator{{0, 1}}, []protocol.Validator{0, 1}, []protocol.Validator{4}, false},
		{"two thirds", [][]protocol.Validator{{0, 1, 2, 3, 4, 5}}, []protocol.Validator{0, 1, 2, 3}, nil, false},
		{"more than two thirds", [][]protocol.Validator{{0, 1, 2, 3, 4, 5}}, []protocol.Validator{0, 1, 2, 3, 4}, []protocol.Validator{5}, true},
		{"our own word alone", nil, []protocol.Validator{5}, nil, true},
		{"another's word alone", nil, []protocol.Validator{4}, nil, false},
	} {
		it := &item{report: &report{byJudge: make(map[protocol.Ed25519Key]*word)}}
		for n, list := range tc.heard {
			for _, v := range list {
				it.hear(heard{v, uint8(n), nil})
			}
		}
		for valid, list := range map[bool][]protocol.Validator{true: tc.good, false: tc.bad} {
			for _, v := range list {
				w := &word{key: s.set[v].Ed25519, good: valid, bad: !valid}
				it.report.byJudge[w.key], it.report.words = w, append(it.report.words, w)
				if valid {
					it.report.favour++
				} else {
					it.report.against++
				}
			}
		}
		if got := a.isAudited(x, it); got != tc.want {
			t.Errorf("%s: %v", tc.what, got)
		}
	}
}
