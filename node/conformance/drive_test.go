package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

// lyingTarget answers as a real session does, changed by lie. It serves one client after another.
func lyingTarget(t *testing.T, lie func(asked, answer *Message) *Message) (socket string) {
	t.Helper()
	im, err := newImporter(engine.Auto)
	if err != nil {
		t.Fatal(err)
	}
	target := NewTarget(TargetOptions{Params: protocol.Tiny(), Importer: im})
	socket = filepath.Join(t.TempDir(), "liar.sock")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		<-stopped
	})
	go func() {
		defer close(stopped)
		for {
			stream, err := l.Accept()
			if err != nil {
				return
			}
			lieTo(ctx, stream, target.Session(), lie)
		}
	}()
	return socket
}

func lieTo(ctx context.Context, stream net.Conn, answer func([]byte) (*Message, error), lie func(asked, answer *Message) *Message) {
	c, err := NewConn(stream, 0)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, c.Interrupt)
	defer stop()
	for {
		octets, err := c.Receive()
		if err != nil {
			return
		}
		m, err := answer(octets)
		if err != nil {
			return
		}
		asked, err := DecodeMessage(octets, protocol.Tiny())
		if err != nil {
			return
		}
		if m = lie(asked, m); m == nil {
			return
		}
		if m.Kind == 99 { // silence
			<-ctx.Done()
			return
		}
		if c.Send(m) != nil {
			return
		}
	}
}

// TestDriveSeesMistakes drives targets that are wrong, each in another way.
func TestDriveSeesMistakes(t *testing.T) {
	count := 0
	wrongRoot := func(asked, answer *Message) *Message {
		if count++; asked.Kind == KindImportBlock && count%5 == 0 {
			answer.Hash[0] ^= 1
		}
		return answer
	}
	onBlock := func(lie func(*Message) *Message) func(asked, answer *Message) *Message {
		return func(asked, answer *Message) *Message {
			if asked.Kind == KindImportBlock {
				return lie(answer)
			}
			return answer
		}
	}
	for _, tc := range []struct {
		name, path, want string
		lie              func(asked, answer *Message) *Message
	}{
		{"wrong root", "traces/fallback.tar.zst", "and the root of the state given is", wrongRoot},
		{"wrong state", "traces/fallback.tar.zst", "slot τ: is 9, want", func(asked, answer *Message) *Message {
			if asked.Kind == KindGetState {
				for i := range answer.Entries {
					if answer.Entries[i].Key[0] == 11 && len(answer.Entries[i].Value) == 4 {
						answer.Entries[i].Value = []byte{9, 0, 0, 0}
					}
				}
				return answer
			}
			return wrongRoot(asked, answer)
		}},
		{"wrong first root", "traces/fallback.tar.zst", "root of the first state", func(asked, answer *Message) *Message {
			if asked.Kind == KindInitialize {
				answer.Hash[0] ^= 1
			}
			return answer
		}},
		{"error", "traces/fallback.tar.zst", "refused: no; must be accepted", onBlock(func(*Message) *Message {
			return &Message{Kind: KindError, Text: "no"}
		})},
		{"accepts all", "fuzz-traces", "must be refused", onBlock(func(*Message) *Message { return &Message{Kind: KindStateRoot} })},
		{"hangs up", "traces/fallback.tar.zst", "closed the connection", onBlock(func(*Message) *Message { return nil })},
		{"another message", "traces/fallback.tar.zst", "answered by State", onBlock(func(*Message) *Message {
			return &Message{Kind: KindState}
		})},
		{"unknown message", "traces/fallback.tar.zst", "malformed", onBlock(func(*Message) *Message { return &Message{Kind: 77} })},
		{"silence", "traces/fallback.tar.zst", "timeout", onBlock(func(*Message) *Message { return &Message{Kind: 99} })},
		{"recorded session", "fuzz-proto/no_forks", "want 0x", wrongRoot},
		{"recorded refusals", "fuzz-proto/forks", "want the error", onBlock(func(*Message) *Message {
			return &Message{Kind: KindStateRoot}
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := driveOptions(lyingTarget(t, tc.lie), FeatureForks)
			o.Timeout = 2 * time.Second
			d := NewDrive(o)
			if err := d.Path(filepath.Join(vectors.Root(t), filepath.FromSlash(tc.path))); err != nil {
				t.Fatal(err)
			}
			r := d.Report()
			if r.Stats.Mismatched == 0 {
				t.Fatal("nothing was seen")
			}
			var all []string
			for _, f := range r.Families {
				for _, failure := range f.Failures {
					all = append(all, failure.Reason)
				}
			}
			if text := strings.Join(all, "\n"); !strings.Contains(text, tc.want) {
				t.Errorf("%q is not in %.300q", tc.want, text)
			}
		})
	}
}

func TestStats(t *testing.T) {
	var s Stats
	for i := range 200 {
		s.timed(i+1, time.Duration(200-i)*time.Millisecond)
	}
	s.fill()
	for name, pair := range map[string][2]float64{
		"min": {s.ImportMin, 1}, "p50": {s.ImportP50, 100}, "p75": {s.ImportP75, 150}, "p90": {s.ImportP90, 180},
		"p99": {s.ImportP99, 198}, "max": {s.ImportMax, 200}, "mean": {s.ImportMean, 100.5},
		"std_dev": {s.ImportStdDev, math.Sqrt((200*200 - 1) / 12.0)},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
	if s.ImportMaxStep != 1 || s.Steps != 200 {
		t.Errorf("%+v", s)
	}
	b, err := json.Marshal(&Report{Stats: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields("info stats fuzz_version fuzz_features jam_version app_version app_name steps imported " +
		"import_max_step import_min import_max import_mean import_p50 import_p75 import_p90 import_p99 import_std_dev") {
		if !strings.Contains(string(b), fmt.Sprintf("%q:", field)) {
			t.Errorf("no field %s", field)
		}
	}
	var none Stats
	none.fill()
	if none.ImportMean != 0 {
		t.Error("figures of nothing")
	}
}

// TestDriveSeesEpochs counts the blocks that begin an epoch: eight in 100 slots of 12 to the epoch.
func TestDriveSeesEpochs(t *testing.T) {
	r := drive(t, driveOptions(startTarget(t, engine.Auto, 0), FeatureForks), "traces/fallback.tar.zst")
	if s := &r.Stats; s.EpochChanges != 8 || s.EpochMax <= 0 || s.EpochMax > s.ImportMax {
		t.Errorf("%d epoch changes, the slowest in %g ms of at most %g", s.EpochChanges, s.EpochMax, s.ImportMax)
	}
}
