package accumulate

import (
	"maps"
	"strings"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/interp"
	"damson/node/trace"
	"damson/state"
	"damson/state/invoke"
	"damson/state/service"
)

// TestTraces accumulates for every block of the traces and then provides its preimages, and so makes all of δ′, ω′,
// ξ′, χ′, ι′, φ′ and θ′. Which reports became available is told by the statistics.
func TestTraces(t *testing.T) {
	p := protocol.Tiny()
	invoker := invoke.New(invoke.Options{Engine: interp.New(), Params: p})
	for _, suite := range []string{"traces", "fuzz-traces"} {
		n := 0
		for f := range vectors.Files(t, suite, ".bin") {
			if strings.HasSuffix(f.Name, "genesis.bin") {
				continue
			}
			step, err := trace.DecodeStep(f.Data, p)
			if err != nil {
				t.Fatalf("%s: %v", f.Path, err)
			}
			if step.Refused() {
				continue
			}
			if !checkStep(t, p, invoker, step) {
				t.Fatal(f.Path)
			}
			n++
		}
		vectors.Count(t, suite+" (accumulation)", n, 0)
	}
}

func checkStep(t *testing.T, p *protocol.Params, invoker *invoke.Invoker, step *trace.Step) bool {
	t.Helper()
	pre, post := sigma(t, p, &step.Pre), sigma(t, p, &step.Post)
	var b block.View
	if err := b.Decode(step.Block, p); err != nil {
		t.Fatal(err)
	}
	in := &Input{
		Slot: b.Header.Slot, Prior: must(pre.Slot())(t), Entropy: must(post.Entropy())(t)[0],
		Ready: must(pre.Ready())(t), Accumulated: must(pre.Accumulated())(t),
		Privileges: must(pre.Privileges())(t), Staging: must(pre.Staging())(t), Queues: must(pre.AuthQueues())(t),
	}
	activity := must(post.Activity())(t)
	for core, a := range must(pre.Reports())(t) {
		if a != nil && activity.Cores[core].Popularity >= uint64(p.SuperMajority()) {
			in.Available = append(in.Available, &a.Report)
		}
	}
	accounts := service.New(pre)
	out, err := Transition(p, invoker.Accumulate, accounts, in)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range b.Extrinsic.Preimages {
		accounts.Provide(x.Service, blake2b.Sum256(x.Blob), x.Blob, in.Slot)
	}
	got := services(pre)
	for key, value := range accounts.Changes() {
		if value == nil {
			delete(got, key)
		} else {
			got[key] = string(value)
		}
	}
	if want := services(post); !maps.Equal(got, want) {
		vectors.Equal(t, "δ′", got, want)
	}
	vectors.Equal(t, "ω′", out.Ready, must(post.Ready())(t))
	vectors.Equal(t, "ξ′", out.Accumulated, must(post.Accumulated())(t))
	vectors.Equal(t, "χ′", out.Privileges, must(post.Privileges())(t))
	vectors.Equal(t, "ι′", out.Staging, must(post.Staging())(t))
	vectors.Equal(t, "φ′", out.Queues, must(post.AuthQueues())(t))
	vectors.Equal(t, "θ′", out.LastOutputs, must(post.LastOutputs())(t))
	return !t.Failed()
}

func sigma(t *testing.T, p *protocol.Params, raw *trace.RawState) *state.State {
	t.Helper()
	return must(raw.State(p))(t)
}

// services are the entries of δ: all whose keys are not those of the other components.
func services(s *state.State) map[protocol.StateKey]string {
	m := make(map[protocol.StateKey]string)
	for key, value := range s.All() {
		if key != (protocol.StateKey{0: key[0]}) || key[0] > byte(state.LastOutputsKey) {
			m[key] = string(value)
		}
	}
	return m
}

// must gives what a component's getter gave, or ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
