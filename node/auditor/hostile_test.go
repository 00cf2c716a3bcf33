package auditor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/auditor"
)

// send has a validator send messages to another on a stream of a kind, and gives what comes of it.
func (w *world) send(from, to int, kind jamnp.Kind, messages ...[]byte) (answer [][]byte, err error) {
	w.t.Helper()
	ended := false
	w.nodes[from].net.Request(w.nodes[to].id, kind, messages, 1<<20, 5*time.Second, func(a [][]byte, e error) {
		answer, err, ended = a, e, true
	})
	w.loop.Advance(time.Second)
	if !ended {
		w.t.Fatal("no answer")
	}
	return answer, err
}

// judgment makes a judgment by a validator.
func (w *world) judgment(v int, valid bool, report protocol.Hash) *jamnp.Judgment {
	context := protocol.ContextInvalid
	if valid {
		context = protocol.ContextValid
	}
	return &jamnp.Judgment{
		Validator: protocol.Validator(v), Valid: valid, Report: report,
		Signature: w.nodes[v].keys.Ed25519.Sign(append([]byte(context), report[:]...)),
	}
}

// TestHostile sends what breaks rules, or is too much.
func TestHostile(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	r := w.report(0, false)
	block := w.available(r)
	w.loop.Advance(2 * time.Second)
	victim, enemy := w.nodes[0], 1
	good := w.judgment(enemy, true, r.Hash())
	forged := *good
	forged.Signature[5] ^= 1
	forged.Report[0] ^= 1
	guarantee := jamnp.Encode(&jamnp.JudgedGuarantee{})
	list := jamnp.AuditList{Reports: []jamnp.AuditedReport{{Core: 0, Report: r.Hash()}}}
	announced := jamnp.Encode(&jamnp.AuditAnnounced{Block: block.Hash, Tranche: 1, Announcement: list})
	twice := jamnp.Encode(&jamnp.AuditAnnounced{Block: block.Hash, Announcement: jamnp.AuditList{
		Reports: []jamnp.AuditedReport{{Core: 0, Report: r.Hash()}, {Core: 0, Report: r.Hash()}},
	}})
	other := jamnp.Encode(&jamnp.AuditAnnounced{Block: block.Hash, Announcement: jamnp.AuditList{
		Reports: []jamnp.AuditedReport{{Core: 1, Report: r.Hash()}},
	}})
	for i, messages := range [][][]byte{
		{jamnp.Encode(&forged)},
		{jamnp.Encode(good), guarantee},                    // a positive one has none
		{jamnp.Encode(w.judgment(enemy, false, r.Hash()))}, // a negative one has one
		{{1, 2, 3}},
		{},
	} {
		blamed := victim.blamed[w.nodes[enemy].id]
		_, err := w.send(enemy, 0, jamnp.JudgmentPublication, messages...)
		if victim.blamed[w.nodes[enemy].id] == blamed {
			t.Errorf("judgment %d: no blame, %v", i, err)
		}
		enemy = enemy%5 + 1
	}
	for i, messages := range [][][]byte{
		{twice, make([]byte, 96)}, {other, make([]byte, 96)}, {announced}, {announced, {}, {}}, {{9}},
	} {
		blamed := victim.blamed[w.nodes[enemy].id]
		_, err := w.send(enemy, 0, jamnp.AuditAnnouncement, messages...)
		if victim.blamed[w.nodes[enemy].id] == blamed {
			t.Errorf("announcement %d: no blame, %v", i, err)
		}
		enemy = enemy%5 + 1
	}
	hash := r.Hash()
	if answer, err := w.send(2, 0, jamnp.ReportRequest, hash[:]); err != nil || len(answer) != 1 || blake2b.Sum256(answer[0]) != hash {
		t.Errorf("the report is not given: %v", err)
	}
	if _, err := w.send(2, 0, jamnp.ReportRequest, make([]byte, 32)); err == nil {
		t.Error("an unknown report is given")
	}
}

// TestStrays has one validator judge reports that nobody has heard of: they take no room without end, and keep nobody from
// anything.
func TestStrays(t *testing.T) {
	w := newWorld(t, protocol.Tiny()).start(nil)
	w.next(nil)
	for i := range 300 {
		report := blake2b.Sum256(fmt.Append(nil, i))
		m := jamnp.Encode(w.judgment(3, true, report))
		w.nodes[3].net.Request(w.nodes[0].id, jamnp.JudgmentPublication, [][]byte{m}, 0, 5*time.Second, func([][]byte, error) {})
		w.loop.Advance(10 * time.Millisecond)
	}
	w.loop.Advance(time.Second)
	if n := w.nodes[0].Known(); n > 64 {
		t.Errorf("%d reports are kept that only one validator speaks of", n)
	}
	block := w.available(w.report(0, false))
	w.loop.Advance(2 * time.Second)
	if n := w.candidates(block); n != 6 {
		t.Errorf("%d of 6 would vote for the block", n)
	}
}

// TestMistakes makes each mistake and sees what it leads to, so that simulations can rely on them.
func TestMistakes(t *testing.T) {
	all := func(m auditor.Mistake) map[int]auditor.Mistake {
		mistakes := make(map[int]auditor.Mistake)
		for i := range 6 {
			mistakes[i] = m
		}
		return mistakes
	}
	for _, tc := range []struct {
		name    string
		mistake map[int]auditor.Mistake
		wrong   bool // the report is
		check   func(w *world, report protocol.Hash) bool
	}{
		{"none", nil, true, func(w *world, _ protocol.Hash) bool {
			return w.candidates(w.nodes[0].chain.Best()) == 6 && w.nodes[0].Counts().Condemned == 1
		}},
		{"vote unaudited", all(auditor.VoteUnaudited), false, func(w *world, _ protocol.Hash) bool {
			return w.nodes[0].chain.Candidate() == w.nodes[0].chain.Best()
		}},
		{"ignore negatives", map[int]auditor.Mistake{0: auditor.IgnoreNegatives}, true, func(w *world, _ protocol.Hash) bool {
			return w.nodes[0].Counts().Against == 1 && w.nodes[1].Counts().Against == 6
		}},
		{"judge unseen", all(auditor.JudgeUnseen), true, func(w *world, report protocol.Hash) bool {
			return slices.Equal(w.nodes[2].judged[report], []bool{true})
		}},
		{"judge twice", map[int]auditor.Mistake{2: auditor.JudgeTwice}, false, func(w *world, report protocol.Hash) bool {
			disputes, err := w.next(nil).State.Disputes()
			w.must(err)
			return slices.Equal(disputes.Offenders, []protocol.Ed25519Key{w.nodes[2].id})
		}},
		{"not condemned", all(auditor.NotCondemned), true, func(w *world, _ protocol.Hash) bool {
			return w.nodes[0].chain.Best() != w.nodes[0].chain.Candidate()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, protocol.Tiny()).start(tc.mistake)
			w.next(nil)
			r := w.report(0, tc.wrong)
			w.available(r)
			w.loop.Advance(3 * time.Second)
			if !tc.check(w, r.Hash()) {
				t.Errorf("%+v, judged %v", w.nodes[0].Counts(), w.nodes[2].judged[r.Hash()])
			}
		})
	}
}
