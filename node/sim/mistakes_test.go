package sim

import (
	"slices"
	"strings"
	"testing"

	"damson/internal/vectors"
	"damson/node"
	"damson/node/author"
	"damson/node/chain"
	"damson/node/finality"
	"damson/node/importer"
)

// mistakes are planted bugs, and what the simulator must say of them. The seeds before from were tried and show nothing: a thorough
// run tries them all the same.
var mistakes = []struct {
	name string
	set  func(*Options)
	want string // in a violation
	from uint64
}{
	{"equivocations are ignored", func(o *Options) { o.Mistakes.Chain = chain.Mistakes{IgnoreEquivocations: true} }, "which has", 3},
	{"two seals for a slot", func(o *Options) { o.Mistakes.Author = author.Mistakes{SealTwice: true} }, "has sealed", 1},
	{"seals are forgotten", func(o *Options) { o.Mistakes.Author = author.Mistakes{ForgetSeals: true} }, "has sealed", 47},
	{"a commit on 2f votes", finalityMistake(finality.TooFewVotes), "votes for it, not", 1},
	{"votes are forgotten", finalityMistake(finality.ForgetVotes), "votes for", 1},
	{"state roots are ignored", finalityMistake(finality.AnyStateRoot), "votes for it, not", 4},
	{"the estimate is ignored", finalityMistake(finality.IgnoreEstimate), "may have become final", 10},
	{"claims are believed", func(o *Options) { o.Importing = importer.Mistakes{BelieveClaims: true} }, "which is not valid", 7},
}

func finalityMistake(m finality.Mistake) func(*Options) {
	return func(o *Options) { o.Mistakes = node.Mistakes{Finality: m} }
}

// maxTries bounds the seeds that a mistake has to show.
const maxTries = 300

// TestMistakes: the simulator notices each mistake, and a seed that shows it shows it again.
func TestMistakes(t *testing.T) {
	for _, tc := range mistakes {
		t.Run(tc.name, func(t *testing.T) {
			r, try := notice(t, tc.want, tc.from, maxTries, func(seed uint64) Options {
				o := Options{Base: base(t, false), Seed: seed}
				tc.set(&o)
				return o
			})
			vectors.Figure(t, "mistake", "%s: noticed at seed %d, try %d", tc.name, r.Seed, try)
		})
	}
}

// notice runs seeds until one has a violation that says want, and that seed again. It begins at a seed known to show it, but for a
// thorough run, which begins at the first.
func notice(t *testing.T, want string, from uint64, most int, options func(seed uint64) Options) (r *Report, try int) {
	t.Helper()
	told := func(v string) bool { return strings.Contains(v, want) }
	noticed := func(r *Report) bool { return r != nil && slices.ContainsFunc(r.Violations, told) }
	if vectors.Thorough() {
		from = 1
	}
	reports := runAll(most, func(i int) Options { return options(from + uint64(i)) }, noticed)
	i := slices.IndexFunc(reports, noticed)
	if i < 0 {
		t.Fatalf("not noticed in %d seeds", len(reports))
	}
	r = reports[i]
	t.Logf("seed %d: %s", r.Seed, r.Violations[slices.IndexFunc(r.Violations, told)])
	if again := New(options(r.Seed)).Run(); again.Log != r.Log || !slices.Equal(again.Violations, r.Violations) {
		t.Errorf("seed %d is not replayed", r.Seed)
	}
	return r, i + 1
}
