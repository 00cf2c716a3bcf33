package conformance

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/internal/vectors"
)

// frame puts the length before a message.
func frame(message []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(message))), message...)
}

var greeting = (&Message{Kind: KindPeerInfo, PeerInfo: PeerInfo{Protocol: ProtocolVersion, Name: "test"}}).AppendTo(nil)

// endsEmpty waits until the other side closes the connection and fails if it says anything before that.
func endsEmpty(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) || len(rest) > 0 {
		t.Errorf("%x, %v", rest, err)
	}
}

// hostile are messages that end a session at once, or when patience does.
var hostile = []struct {
	name   string
	greets bool
	send   []byte
}{
	{"message without octets", false, frame(nil)},
	{"4 GiB announced", false, []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}},
	{"4 GiB announced later", true, []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}},
	{"most of what is allowed announced", true, binary.LittleEndian.AppendUint32(nil, MaxMessage)},
	{"unknown message", true, frame([]byte{9})},
	{"message of a target", true, frame((&Message{Kind: KindStateRoot}).AppendTo(nil))},
	{"second handshake", true, frame(greeting)},
	{"no handshake", false, frame((&Message{Kind: KindGetState}).AppendTo(nil))},
	{"block before a state", true, frame([]byte{3, 1, 2, 3})},
	{"request before a state", true, frame((&Message{Kind: KindGetState}).AppendTo(nil))},
	{"another protocol", false, frame([]byte{0, 2, 0, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0})},
	{"cut handshake", false, frame(greeting[:5])},
	{"entries that are not there", true, frame(append(append([]byte{1}, make([]byte, 297)...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))},
	{"end of a message missing", true, frame(make([]byte, 100))[:50]},
	{"end of a length missing", true, []byte{1, 0}},
}

// put writes to a target, which may have closed the connection when it has seen the beginning of much.
func put(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil && len(b) < bufferSize {
		t.Fatal(err)
	}
}

func shakeHands(t *testing.T, c net.Conn) {
	t.Helper()
	put(t, c, frame(greeting))
	answer := make([]byte, prefixSize)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.LittleEndian.Uint32(answer))); err != nil {
		t.Fatal(err)
	}
}

// TestHostileClients sends what no fuzzer would. Each session ends, and the next is served.
func TestHostileClients(t *testing.T) {
	socket := startTarget(t, engine.Auto, 300*time.Millisecond)
	for _, tc := range hostile {
		t.Run(tc.name, func(t *testing.T) {
			c := rawConn(t, socket)
			if tc.greets {
				shakeHands(t, c)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			put(t, c, tc.send)
			endsEmpty(t, c)
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d MiB were allocated", grown>>20)
			}
			greet(t, socket, 3).close()
		})
	}
	t.Run("garbage", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(vectors.Seed(t), 0))
		for range 50 {
			c := rawConn(t, socket)
			b := make([]byte, 1+rng.IntN(100_000))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			if rng.IntN(2) == 0 {
				b = frame(b)
			}
			put(t, c, b)
			if err := c.CloseWrite(); err != nil && len(b) < bufferSize {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, c) // however it ends
		}
		greet(t, socket, 3).close()
	})
	t.Run("slow drip", func(t *testing.T) {
		c := rawConn(t, socket)
		shakeHands(t, c)
		start := time.Now()
		for _, b := range frame((&Message{Kind: KindState}).AppendTo(make([]byte, 200))) {
			if _, err := c.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("endured for %v", took)
		}
		greet(t, socket, 3).close()
	})
	t.Run("idle", func(t *testing.T) {
		// Between messages a fuzzer may take its time. Others are served meanwhile, and so is it when it is back.
		c := greet(t, socket, 3)
		time.Sleep(500 * time.Millisecond)
		greet(t, socket, 3).close()
		if _, _, err := c.ask(&Message{Kind: KindInitialize, Initialize: new(Initialize)}, KindStateRoot); err != nil {
			t.Error(err)
		}
	})
}

// TestHalfClosed has a client that says all it has to say, and closes its side before it reads the answers.
func TestHalfClosed(t *testing.T) {
	genesis, list := steps(t, "traces/fallback", 5)
	socket := startTarget(t, engine.Auto, 0)
	c := rawConn(t, socket)
	all := frame(greeting)
	all = append(all, frame((&Message{Kind: KindInitialize, Initialize: &Initialize{
		Header: genesis.Header, Entries: genesis.State.Entries,
	}}).AppendTo(nil))...)
	for _, step := range list {
		all = append(all, frame((&Message{Kind: KindImportBlock, Block: step.Block}).AppendTo(nil))...)
	}
	if _, err := c.Write(all); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	conn, err := NewConn(c, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var answers []*Message
	for {
		octets, err := conn.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		m, err := DecodeMessage(octets, protocol.Tiny())
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, m)
	}
	if len(answers) != 2+len(list) {
		t.Fatalf("%d answers", len(answers))
	}
	for i, step := range list {
		if answers[2+i].Hash != step.Post.Root {
			t.Errorf("block %d: %+v", i, answers[2+i])
		}
	}
	// And one that does not want to hear any more.
	deaf := rawConn(t, socket)
	if err := deaf.CloseRead(); err != nil {
		t.Fatal(err)
	}
	_, _ = deaf.Write(all)
	greet(t, socket, 3)
}

// TestMoreClientsThanSessions has clients hang until all sessions are taken; who leaves makes room.
func TestMoreClientsThanSessions(t *testing.T) {
	socket := startTarget(t, engine.Interp, 0)
	var hanging []net.Conn
	for range maxSessions {
		hanging = append(hanging, rawConn(t, socket))
	}
	for _, c := range hanging {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	greet(t, socket, 3)
}

// TestShutdown ends a target that has sessions: one that waits for a message, and one within a message.
func TestShutdown(t *testing.T) {
	socket := startTarget(t, engine.Interp, 0)
	greet(t, socket, 3)
	within := rawConn(t, socket)
	if _, err := within.Write([]byte{100, 0, 0, 0, 1}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
}

// TestPipe serves a stream that is no Unix socket.
func TestPipe(t *testing.T) {
	im, err := newImporter(engine.Interp)
	if err != nil {
		t.Fatal(err)
	}
	target := NewTarget(TargetOptions{Params: protocol.Tiny(), Importer: im})
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		target.ServeStream(ctx, theirs)
		close(done)
	}()
	conn, err := NewConn(ours, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Send(&Message{Kind: KindPeerInfo, PeerInfo: PeerInfo{Protocol: ProtocolVersion}}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Receive(); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
}
