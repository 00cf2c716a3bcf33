package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/internal/vectors"
	"damson/interp"
	"damson/jit"
)

func options(t *testing.T, out io.Writer) Options {
	t.Helper()
	made, why, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if why != nil {
		t.Log(why)
	}
	return Options{
		Engine: made, Reference: interp.New(), Dir: t.TempDir(), Out: out, Fast: true,
		Recompiler: func(w io.Writer) (pvm.Engine, error) { return jit.New(interp.New(), jit.Options{PerfMap: w}) },
	}
}

// slots are how long slots last in turn, until a demo ends as it should: a busy machine needs longer ones.
var slots = []time.Duration{0, 700 * time.Millisecond, 2 * time.Second}

// patiently runs a demo until it ends as it should, and gives what it told.
func patiently(t *testing.T, d *Demo, fault Fault, as func(*Story) bool) (*Story, string) {
	t.Helper()
	var story *Story
	var out bytes.Buffer
	for _, slot := range slots {
		out.Reset()
		o := options(t, &out)
		o.Fault, o.Slot = fault, slot
		var err error
		if story, err = Run(t.Context(), d, o); err == nil && as(story) {
			return story, out.String()
		}
		t.Logf("with slots of %v: %v", slot, errors.Join(err, story.Err()))
	}
	t.Fatalf("not as it should be\n%s", out.String())
	return nil, ""
}

// TestDemos runs each demo, one after the other: they are live networks, which would be in each other's way.
func TestDemos(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Name, func(t *testing.T) {
			story, out := patiently(t, &d, NoFault, func(s *Story) bool { return s.Err() == nil })
			if len(story.Verdict) < 3 || len(story.Steps) < 3 {
				t.Errorf("%d steps, %d claims", len(story.Steps), len(story.Verdict))
			}
			for _, s := range story.Steps {
				if len(s.Told) == 0 || s.GrayPaper == "" || s.LookAt == "" {
					t.Errorf("step %q tells nothing, or not where to look", s.Title)
				}
				for _, line := range append([]string{s.Title}, s.Told...) {
					if !strings.Contains(out, strings.Fields(line)[0]) {
						t.Errorf("not told: %s", line)
					}
				}
			}
			if strings.ContainsAny(out, "\x1b\r") || strings.Contains(out, "%!") {
				t.Errorf("for a terminal, or badly worded:\n%s", out)
			}
			if text, err := json.Marshal(story); err != nil || !bytes.Contains(text, []byte(`"passed":true`)) {
				t.Errorf("%s, %v", text, err)
			}
		})
	}
}

// TestFaults breaks the duty of each demo, which must say so by the claim that names what is wrong. With DAMSON_THOROUGH it breaks
// each in every way there is.
func TestFaults(t *testing.T) {
	claims := map[Fault]string{
		WrongMachine:    "both engines end alike",
		OtherGenesis:    "every validator is connected with all others",
		SealTwice:       "nobody seals two blocks for one slot",
		NoTickets:       "the contest gave an epoch with a ticket for every slot",
		VotesIgnored:    "blocks become final",
		TooFewVotes:     "while the network is cut, nothing becomes final",
		ShardsCorrupted: "every validator has its shard, with a proof against the erasure root on chain",
		DataWithheld:    "more than two thirds of the validators have said on chain that they hold their shards",
		NobodyLooks:     "the wrong report is judged bad in the final state of every node",
	}
	if _, err := options(t, nil).Recompiler(io.Discard); err != nil {
		claims[WrongMachine] = "there are 3245 primes below 30000"
	}
	planted, noticed := 0, 0
	for _, d := range All() {
		faults := Faults(d.Name)
		if len(faults) == 0 {
			t.Errorf("no test breaks %s", d.Name)
		}
		if os.Getenv("DAMSON_THOROUGH") == "" {
			faults = faults[:1]
		}
		planted += len(faults)
		for _, fault := range faults {
			t.Run(string(fault), func(t *testing.T) {
				story, out := patiently(t, &d, fault, func(s *Story) bool {
					return slices.ContainsFunc(s.Verdict, func(c Claim) bool { return c.Claim == claims[fault] && !c.Holds })
				})
				if story.Passed || story.Err() == nil || !strings.Contains(out, "NOT AS IT SHOULD BE") {
					t.Fatalf("the demo does not say so\n%s", out)
				}
				t.Logf("%.1f s: %v", story.Seconds, story.Err())
				noticed++
			})
		}
	}
	vectors.Figure(t, "faults in demos", "%d planted, %d noticed", planted, noticed)
}
