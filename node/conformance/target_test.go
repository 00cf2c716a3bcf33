package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"damson/internal/block"
	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/node/difference"
	"damson/node/trace"
	"damson/state"
)

// TestSessions replays the recorded sessions, octet by octet where the protocol fixes the answer.
func TestSessions(t *testing.T) {
	for _, kind := range engines() {
		socket := startTarget(t, kind, 0)
		for _, suite := range []string{"fuzz-proto/forks", "fuzz-proto/no_forks"} {
			t.Run(fmt.Sprintf("engine=%s/%s", kind, suite), func(t *testing.T) { replaySession(t, socket, suite) })
		}
	}
}

func replaySession(t *testing.T, socket, suite string) {
	conn, err := NewConn(rawConn(t, socket), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var answer []byte
	compared := 0
	for f := range vectors.Files(t, suite, ".bin") {
		if strings.Contains(f.Name, "_fuzzer_") {
			m, err := DecodeMessage(f.Data, protocol.Tiny())
			if err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			if err := conn.Send(m); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			if answer, err = conn.Receive(); err != nil {
				t.Fatalf("%s: %v", f.Name, err)
			}
			continue
		}
		compared++
		switch kind := Kind(f.Data[0]); {
		case kind == KindPeerInfo:
			m, err := DecodeMessage(answer, protocol.Tiny())
			if err != nil || m.Kind != KindPeerInfo || m.PeerInfo.Features != 3 || m.PeerInfo.JAM != (Version{0, 7, 2}) {
				t.Errorf("%s: %+v, %v", f.Name, m, err)
			}
		case kind == KindError && Kind(answer[0]) == KindError:
		case !bytes.Equal(answer, f.Data):
			t.Errorf("%s: answered %x, want %x", f.Name, answer, f.Data)
		}
	}
	vectors.Count(t, suite, compared, 0)
}

// TestTraces drives the target through all traces, linear ones with ancestors too.
func TestTraces(t *testing.T) {
	linear, all := []string{"traces/preimages_light.tar.zst", "traces/safrole.tar.zst"}, []string{"fuzz-traces"}
	if vectors.Thorough() {
		linear, all = []string{"traces"}, []string{"traces", "fuzz-traces"}
	}
	for _, kind := range engines() {
		socket := startTarget(t, kind, 0)
		t.Run(fmt.Sprintf("engine=%s/features=forks", kind), func(t *testing.T) {
			r := drive(t, driveOptions(socket, FeatureForks), all...)
			if r.Stats.Steps == 0 || r.Stats.Imported+r.Stats.Refused != r.Stats.Steps {
				t.Errorf("%d imported and %d refused of %d", r.Stats.Imported, r.Stats.Refused, r.Stats.Steps)
			}
			vectors.Figure(t, "fuzz-drive", "engine %s, forks: %d blocks, %d mismatches", kind, r.Stats.Steps, r.Stats.Mismatched)
		})
		t.Run(fmt.Sprintf("engine=%s/features=both", kind), func(t *testing.T) {
			r := drive(t, driveOptions(socket, FeatureForks|FeatureAncestry), linear...)
			if r.Stats.Imported == 0 || r.Stats.Imported != r.Stats.Steps {
				t.Errorf("%d imported of %d", r.Stats.Imported, r.Stats.Steps)
			}
			vectors.Figure(t, "fuzz-drive", "engine %s, ancestry: %d blocks, %d mismatches", kind, r.Stats.Steps, r.Stats.Mismatched)
		})
	}
}

// steps gives the steps of a family, and its genesis if it has one.
func steps(t testing.TB, suite string, most int) (genesis *trace.Genesis, list []*trace.Step) {
	t.Helper()
	for f := range vectors.Files(t, suite, ".bin") {
		var err error
		if strings.HasSuffix(f.Name, genesisFile) {
			genesis, err = trace.DecodeGenesis(f.Data, protocol.Tiny())
		} else if len(list) < most {
			var step *trace.Step
			step, err = trace.DecodeStep(f.Data, protocol.Tiny())
			list = append(list, step)
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
	}
	return genesis, list
}

func headerOf(t testing.TB, step *trace.Step) *block.View {
	t.Helper()
	v := new(block.View)
	if err := v.Decode(step.Block, protocol.Tiny()); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAncestry has reports whose lookup anchors are in the ancestry or are not.
func TestAncestry(t *testing.T) {
	const from = 10
	_, list := steps(t, "traces/storage_light", from+12)
	socket := startTarget(t, engine.Auto, 0)
	first := headerOf(t, list[from])
	var whole []Ancestor
	for _, step := range list[:from+1] {
		v := headerOf(t, step)
		whole = append(whole, Ancestor{v.Header.Slot, v.HeaderHash()})
	}
	wrong := func(change func(*Ancestor)) (list []Ancestor) {
		for _, a := range whole {
			change(&a)
			list = append(list, a)
		}
		return list
	}
	for _, tc := range []struct {
		name     string
		features Features
		ancestry []Ancestor
		refused  bool
	}{
		{"whole", 3, whole, false},
		{"not negotiated", FeatureForks, nil, false},
		{"not negotiated but given", FeatureForks, wrong(func(a *Ancestor) { a.Slot++ }), false},
		{"missing", 3, nil, true},
		{"other slots", 3, wrong(func(a *Ancestor) { a.Slot++ }), true},
		{"other hashes", 3, wrong(func(a *Ancestor) { a.Hash[0]++ }), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := greet(t, socket, tc.features)
			begin := &Initialize{Header: first.Header, Entries: list[from].Post.Entries, Ancestry: tc.ancestry}
			if _, _, err := c.ask(&Message{Kind: KindInitialize, Initialize: begin}, KindStateRoot); err != nil {
				t.Fatal(err)
			}
			refused := false
			for _, step := range list[from+1:] {
				answer, _, err := c.ask(&Message{Kind: KindImportBlock, Block: step.Block}, KindStateRoot)
				if err != nil {
					t.Fatal(err)
				}
				if answer.Kind == KindError {
					refused = strings.Contains(answer.Text, "lookup_anchor_not_recent")
					break
				}
			}
			if refused != tc.refused {
				t.Errorf("refused: %v, want %v", refused, tc.refused)
			}
		})
	}
}

// TestForks imports siblings in several orders: the original is always extended, refused ones leave nothing.
func TestForks(t *testing.T) {
	genesis, list := steps(t, "traces/fallback", 3)
	socket := startTarget(t, engine.Auto, 0)
	c := greet(t, socket, FeatureForks)
	begin := &Message{Kind: KindInitialize, Initialize: &Initialize{Header: genesis.Header, Entries: genesis.State.Entries}}
	imports := func(octets []byte) *Message {
		t.Helper()
		answer, _, err := c.ask(&Message{Kind: KindImportBlock, Block: octets}, KindStateRoot)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	for range 2 { // Initialize forgets what was before
		if _, _, err := c.ask(begin, KindStateRoot); err != nil {
			t.Fatal(err)
		}
		if got := imports(list[1].Block); got.Kind != KindError {
			t.Error("a block without its parent was imported")
		}
		for _, step := range list {
			for bit := range 40 {
				mutant := bytes.Clone(step.Block)
				mutant[32+bit*67/39] ^= 1 << (bit % 8) // root, hash, slot
				if got := imports(mutant); got.Kind == KindStateRoot && got.Hash == step.Post.Root {
					t.Errorf("mutant %d has the state of the original", bit)
				}
			}
			for range 2 { // also a second time
				if got := imports(step.Block); got.Kind != KindStateRoot || got.Hash != step.Post.Root {
					t.Errorf("%s %s %s, want root %s", got.Kind, got.Text, got.Hash, step.Post.Root)
				}
			}
		}
		for _, step := range list {
			header := headerOf(t, step).HeaderHash()
			raw, err := c.state(header)
			if err != nil {
				t.Fatal(err)
			}
			got := state.New(protocol.Tiny(), raw.Entries)
			want, err := step.Post.State(protocol.Tiny())
			if err != nil {
				t.Fatal(err)
			}
			if differ := difference.States(got, want, 3); differ != "" || got.Root() != want.Root() {
				t.Errorf("state of %s: %s", header, differ)
			}
		}
	}
	if answer, _, err := c.ask(&Message{Kind: KindGetState, Hash: protocol.Hash{1}}, KindState); err != nil || answer.Kind != KindError {
		t.Errorf("state of an unknown block: %v, %v", answer, err)
	}
}

// TestManySiblings makes more siblings than states are kept: their parent and the last of them must be there.
func TestManySiblings(t *testing.T) {
	genesis, list := steps(t, "traces/fallback", 2)
	im, err := newImporter(engine.Auto)
	if err != nil {
		t.Fatal(err)
	}
	p := protocol.Tiny()
	first := &Initialize{Header: genesis.Header, HeaderHash: genesis.Header.Hash(), Entries: genesis.State.Entries}
	c, err := newChain(im, p, first, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	parent, _ := c.state(first.HeaderHash)
	root := c.nodes[first.HeaderHash]
	for i := range 3 * keptStates {
		if _, ok := c.state(first.HeaderHash); !ok {
			t.Fatalf("the parent is gone after %d siblings", i)
		}
		c.add(&node{Ancestor: Ancestor{1, protocol.Hash{byte(i), byte(i >> 8), 1}}, parent: root, depth: 1, state: parent})
	}
	for _, step := range list {
		post, err := c.imports(headerOf(t, step), step.Block)
		if err != nil || post.Root() != step.Post.Root {
			t.Fatalf("the original after its siblings: %v", err)
		}
	}
	if c.states.Len() > keptStates {
		t.Errorf("%d states", c.states.Len())
	}
}

// TestLongChain checks that what is kept does not grow, and how far back ancestors go.
func TestLongChain(t *testing.T) {
	p := protocol.Tiny()
	im, err := newImporter(engine.Interp)
	if err != nil {
		t.Fatal(err)
	}
	first := &Initialize{HeaderHash: protocol.Hash{255}, Ancestry: []Ancestor{{5, protocol.Hash{1, 2}}}}
	c, err := newChain(im, p, first, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	last, post := c.nodes[first.HeaderHash], state.New(p, nil)
	for i := range 1000 {
		n := &node{
			Ancestor: Ancestor{protocol.Slot(i), protocol.Hash{byte(i), byte(i >> 8), 1}}, parent: last, depth: last.depth + 1, state: post,
		}
		c.add(n)
		last = n
	}
	if len(c.nodes) > 30 || len(c.levels) > 30 || c.states.Len() > 30 {
		t.Errorf("%d blocks, %d levels, %d states are kept", len(c.nodes), len(c.levels), c.states.Len())
	}
	for back := range 24 {
		i := 999 - back
		a := Ancestor{protocol.Slot(i), protocol.Hash{byte(i), byte(i >> 8), 1}}
		if !c.isAncestor(last.Hash, a.Hash, a.Slot) || c.isAncestor(last.Hash, a.Hash, a.Slot+1) {
			t.Errorf("%d blocks back", back)
		}
	}
	if !c.isAncestor(last.Hash, protocol.Hash{1, 2}, 5) || c.isAncestor(last.Hash, protocol.Hash{1, 3}, 5) {
		t.Error("the ancestry that was given")
	}
}

// TestAnyState takes a state that is none: it is accepted as it is, and only a block finds out that we cannot use it.
func TestAnyState(t *testing.T) {
	genesis, list := steps(t, "traces/fallback", 1)
	socket := startTarget(t, engine.Auto, 0)
	v := headerOf(t, list[0])
	for _, keep := range []int{0, 1, 7} {
		c := greet(t, socket, FeatureForks)
		begin := &Initialize{Header: genesis.Header, Entries: genesis.State.Entries[:keep]}
		want := state.New(protocol.Tiny(), begin.Entries).Root()
		answer, _, err := c.ask(&Message{Kind: KindInitialize, Initialize: begin}, KindStateRoot)
		if err != nil || answer.Hash != want {
			t.Fatalf("%d entries: %v, %v, want root %s", keep, answer, err, want)
		}
		v.Header.PriorStateRoot = want
		_, _, err = c.ask(&Message{Kind: KindImportBlock, Block: v.AppendTo(nil)}, KindStateRoot)
		if _, ended := errors.AsType[*answerError](err); !ended {
			t.Errorf("%d entries: the session goes on after a fault that is not the block's: %v", keep, err)
		}
	}
	greet(t, socket, FeatureForks)
}

func TestListen(t *testing.T) {
	socket := startTarget(t, engine.Interp, 0)
	if _, err := Listen(socket); err == nil {
		t.Error("two targets listen on one socket")
	}
	greet(t, socket, 0)

	plain := t.TempDir() + "/file"
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(plain); err == nil {
		t.Error("a file was replaced by a socket")
	}
	stale := t.TempDir() + "/stale"
	l, err := Listen(stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Listen(stale); err != nil {
		t.Fatalf("a stale socket is not replaced: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
