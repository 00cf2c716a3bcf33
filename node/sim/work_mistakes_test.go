package sim

import (
	"slices"
	"strings"
	"testing"

	"damson/internal/vectors"
	"damson/node"
	"damson/node/auditor"
	"damson/node/availability"
)

// workMistakes are planted bugs of the duties of packages, and what the simulator must say of them. Of the seeds before from, those
// that were tried show nothing: a thorough run tries them all the same.
var workMistakes = []struct {
	name string
	set  node.Mistakes
	want string // in a violation
	from uint64
}{
	{"votes for unaudited blocks", auditing(auditor.VoteUnaudited), "is not audited as far as it knows", 1},
	{"negative judgments are ignored", auditing(auditor.IgnoreNegatives), "has its best chain on", 6},
	{"tranches are skipped", auditing(auditor.SkipTranches), "has not finalized anything", 15},
	{"evidence is not looked at", auditing(auditor.AnyEvidence), "is not audited as far as it knows", 37},
	{"blocks with bad reports are built on", auditing(auditor.NotCondemned), "has its best chain on", 6},
	{"guarantors are not accused", auditing(auditor.NobodyAccused), "has no verdict", 6},
	{"data is assured that is not held", node.Mistakes{Keeper: availability.Mistakes{AssureAll: true}}, "which it does not hold", 1},
}

func auditing(m auditor.Mistake) node.Mistakes { return node.Mistakes{Auditor: m} }

// maxWorkTries bounds the seeds that a mistake has to show.
const maxWorkTries = 60

// TestWorkMistakes: the simulator notices each mistake, and a seed that shows it shows it again.
func TestWorkMistakes(t *testing.T) {
	for _, tc := range workMistakes {
		t.Run(tc.name, func(t *testing.T) {
			options := func(seed uint64) Options {
				o := working(t, seed)
				o.Mistakes = tc.set
				return o
			}
			told := func(v string) bool { return strings.Contains(v, tc.want) }
			noticed := func(r *Report) bool { return r != nil && slices.ContainsFunc(r.Violations, told) }
			from := tc.from
			if vectors.Thorough() {
				from = 1
			}
			reports := runAll(maxWorkTries, func(i int) Options { return options(from + uint64(i)) }, noticed)
			i := slices.IndexFunc(reports, noticed)
			if i < 0 {
				t.Fatalf("not noticed in %d seeds", len(reports))
			}
			r := reports[i]
			t.Logf("seed %d: %s", r.Seed, r.Violations[slices.IndexFunc(r.Violations, told)])
			if again := New(options(r.Seed)).Run(); again.Log != r.Log || !slices.Equal(again.Violations, r.Violations) {
				t.Errorf("seed %d is not replayed", r.Seed)
			}
			vectors.Figure(t, "mistake with work", "%s: noticed at seed %d, try %d of at most %d", tc.name, r.Seed, i+1, maxWorkTries)
		})
	}
}
