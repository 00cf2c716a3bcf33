package sim

import (
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
			r, try := notice(t, tc.want, tc.from, maxWorkTries, func(seed uint64) Options {
				o := working(t, seed)
				o.Mistakes = tc.set
				return o
			})
			vectors.Figure(t, "mistake with work", "%s: noticed at seed %d, try %d of at most %d", tc.name, r.Seed, try, maxWorkTries)
		})
	}
}
