package simnet

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// events is a Scheduler.
type events struct {
	now   time.Time
	queue queue
	seq   uint64
}

type event struct {
	at  time.Time
	seq uint64
	do  func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

func (e *events) Now() time.Time { return e.now }

func (e *events) After(d time.Duration, do func()) {
	heap.Push(&e.queue, event{e.now.Add(max(d, 0)), e.seq, do})
	e.seq++
}

// run lets time pass.
func (e *events) run(d time.Duration) {
	end := e.now.Add(d)
	for len(e.queue) > 0 && !e.queue[0].at.After(end) {
		next := heap.Pop(&e.queue).(event)
		e.now = next.at
		next.do()
	}
	e.now = end
}

// posts is a Loop that runs what is posted as an event.
type posts struct{ e *events }

func (p posts) Post(do func()) { p.e.After(0, do) }

// peer is a handler that writes down what it is told.
type peer struct {
	*Node
	log   []string
	heard []string
	serve func(jamnp.Exchange)
}

func (p *peer) note(format string, args ...any) { p.log = append(p.log, fmt.Sprintf(format, args...)) }

func (p *peer) Connected(other jamnp.Peer) { p.note("connected %d %v", other.ID[0], other.Initiator) }

func (p *peer) Disconnected(id jamnp.PeerID, why error) { p.note("disconnected %d: %v", id[0], why) }

func (p *peer) Handshake(id jamnp.PeerID, _ jamnp.Kind) []byte {
	return fmt.Appendf(nil, "hello %d from %d", id[0], p.id[0])
}

func (p *peer) Opened(id jamnp.PeerID, kind jamnp.Kind, handshake []byte) {
	p.note("opened %d %d %q", id[0], kind, handshake)
}

func (p *peer) Received(_ jamnp.PeerID, _ jamnp.Kind, m []byte) { p.heard = append(p.heard, string(m)) }

func (p *peer) Serve(x jamnp.Exchange) {
	if p.serve != nil {
		p.serve(x)
		return
	}
	var all [][]byte
	var next func(m []byte, err error)
	next = func(m []byte, err error) {
		switch {
		case errors.Is(err, io.EOF):
			slices.Reverse(all)
			x.Answer(all...)
		case err != nil:
			x.Reject(err)
		default:
			all = append(all, m)
			x.Next(10, next)
		}
	}
	x.Next(10, next)
}

type world struct {
	events
	net   *Net
	peers []*peer
}

func identity(i int) jamnp.PeerID { return jamnp.PeerID{byte(i), byte(i >> 8)} }

func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.IPv6Loopback(), uint16(40000+i))
}

func newWorld(seed uint64, n int, o Options) *world {
	w := &world{events: events{now: time.Unix(0, 0)}}
	w.net = New(w, seed, o)
	for i := range n {
		p := &peer{}
		p.Node = w.net.Node(identity(i), address(i), p, posts{&w.events})
		w.peers = append(w.peers, p)
	}
	return w
}

func (w *world) meet(a, b int) {
	w.peers[a].Connect(identity(b), address(b))
	w.peers[b].Connect(identity(a), address(a))
}

// initiator gives who of two opened their connection, and the other.
func (w *world) initiator(a, b int) (*peer, *peer) {
	if jamnp.PreferredInitiator(identity(a), identity(b)) == identity(a) {
		return w.peers[a], w.peers[b]
	}
	return w.peers[b], w.peers[a]
}

var slow = Faults{MinLatency: 10 * time.Millisecond, MaxLatency: 200 * time.Millisecond, Loss: 0.2, Reorder: 0.3}

func TestConnect(t *testing.T) {
	w := newWorld(1, 2, Options{Faults: slow})
	w.meet(0, 1)
	w.run(4 * time.Second)
	from, to := w.initiator(0, 1)
	if !slices.Equal(from.log, []string{fmt.Sprintf("connected %d true", to.id[0])}) ||
		!slices.Equal(to.log, []string{fmt.Sprintf("connected %d false", from.id[0])}) {
		t.Errorf("told %q and %q", from.log, to.log)
	}
	if peers := to.Peers(); len(peers) != 1 || peers[0].ID != from.id || peers[0].Initiator {
		t.Errorf("peers %v", peers)
	}
	from.Disconnect(to.id)
	w.run(time.Second)
	if len(from.Peers()) != 0 || len(to.log) != 2 || len(from.log) != 2 {
		t.Errorf("after Disconnect: %q and %q", from.log, to.log)
	}
	w.run(20 * time.Second) // the other still wants the connection
	if peers := to.Peers(); len(peers) != 1 || !peers[0].Initiator {
		t.Errorf("the one who was waited for did not come, and was not called: %v", peers)
	}
}

func TestOtherAddress(t *testing.T) {
	w := newWorld(1, 2, Options{Faults: slow})
	w.peers[0].Connect(identity(1), address(7))
	w.run(30 * time.Second)
	if len(w.peers[0].Peers()) != 0 {
		t.Fatal("connected where nobody listens")
	}
	w.peers[0].Connect(identity(1), address(1))
	w.run(60 * time.Second)
	if len(w.peers[0].Peers()) != 1 {
		t.Error("the new address is not used")
	}
}

// TestOrder: messages of a UP stream come in order, whatever the network does, and none is missing.
func TestOrder(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(seed, 2, Options{Faults: slow})
		w.meet(0, 1)
		w.run(4 * time.Second)
		from, to := w.initiator(0, 1)
		if from.Send(to.id, 0, nil) {
			t.Fatal("sent on a stream that is not open")
		}
		from.Open(to.id, 0)
		w.run(5 * time.Second)
		var want []string
		for i := range 200 {
			text := fmt.Sprint(i)
			want = append(want, text)
			if !from.Send(to.id, 0, []byte(text)) || !to.Send(from.id, 0, []byte(text)) {
				t.Fatal("not sent")
			}
			switch i {
			case 50, 90:
				w.net.Partition([]jamnp.PeerID{from.id})
			case 60, 91:
				w.net.Heal()
			}
			w.run(30 * time.Millisecond)
		}
		w.run(time.Minute)
		if !slices.Equal(from.heard, want) || !slices.Equal(to.heard, want) {
			t.Fatalf("seed %d: heard\n%q\n%q", seed, from.heard, to.heard)
		}
		if to.log[1] != fmt.Sprintf("opened %d 0 %q", from.id[0], fmt.Sprintf("hello %d from %d", to.id[0], from.id[0])) {
			t.Errorf("the handshake: %q", to.log)
		}
		if got := to.Stats().Received(0); got.Messages != 201 {
			t.Errorf("%d messages counted", got.Messages)
		}
	}
}

func TestRequest(t *testing.T) {
	w := newWorld(3, 3, Options{Faults: slow, MaxStreams: 2})
	w.meet(0, 1)
	w.run(4 * time.Second)
	ask := func(id jamnp.PeerID, limit int, messages ...string) (answer *[][]byte, why *error) {
		answer, why = new([][]byte), new(error)
		var octets [][]byte
		for _, m := range messages {
			octets = append(octets, []byte(m))
		}
		called := false
		w.peers[0].Request(id, 128, octets, limit, 3*time.Second, func(got [][]byte, err error) {
			if called {
				t.Error("told twice")
			}
			called, *answer, *why = true, got, err
		})
		if called {
			t.Error("told within Request")
		}
		return answer, why
	}
	answer, why := ask(identity(1), 6, "one", "two")
	w.run(3 * time.Second)
	if *why != nil || len(*answer) != 2 || string((*answer)[0]) != "two" {
		t.Errorf("%q, %v", *answer, *why)
	}
	_, oversized := ask(identity(1), 5, "one", "two")
	_, refused := ask(identity(1), 50, "more than ten")
	_, busy := ask(identity(1), 50)
	_, absent := ask(identity(2), 50)
	w.run(4 * time.Second)
	for name, got := range map[error]error{
		jamnp.ErrOversized: *oversized, jamnp.ErrReset: *refused, jamnp.ErrBusy: *busy, jamnp.ErrNotConnected: *absent,
	} {
		if !errors.Is(got, name) {
			t.Errorf("got %v, want %v", got, name)
		}
	}
	w.peers[1].serve = func(jamnp.Exchange) {}
	_, late := ask(identity(1), 50)
	w.run(4 * time.Second)
	w.peers[1].serve = func(x jamnp.Exchange) { x.Answer() }
	_, unread := ask(identity(1), 50, "x")
	w.run(4 * time.Second)
	if !errors.Is(*late, jamnp.ErrTimeout) || !errors.Is(*unread, jamnp.ErrReset) {
		t.Errorf("got %v and %v", *late, *unread)
	}
}

// TestStream: the last octets of a message come with the end of the stream at times, as QUIC has them, and whole all the same.
func TestStream(t *testing.T) {
	w := newWorld(4, 2, Options{Faults: slow})
	w.meet(0, 1)
	w.run(4 * time.Second)
	ends := make(map[bool]int)
	w.peers[1].serve = func(x jamnp.Exchange) {
		s, _ := x.(*served)
		s.read = 1 // as for Stream, which is called below
		r, _ := s.octets([]byte("message")).(*frames)
		ends[r.fin]++
		s.read = 0
		var got []byte
		x.Stream(10, func(r io.Reader) (err error) {
			got, err = io.ReadAll(r)
			return err
		}, func(err error) {
			if err != nil || string(got) != "message" {
				t.Errorf("%q, %v", got, err)
			}
			x.Next(0, func(_ []byte, err error) {
				if !errors.Is(err, io.EOF) {
					t.Errorf("at the end: %v", err)
				}
				x.Answer()
			})
		})
	}
	for range 40 {
		w.peers[0].Request(identity(1), 133, [][]byte{[]byte("message")}, 0, time.Minute, func(_ [][]byte, err error) {
			if err != nil {
				t.Error(err)
			}
		})
		w.run(time.Minute)
	}
	if ends[true] == 0 || ends[false] == 0 {
		t.Errorf("ends: %v", ends)
	}
}

func TestPartition(t *testing.T) {
	w := newWorld(5, 4, Options{Faults: slow, IdleTimeout: 10 * time.Second})
	for a := range 4 {
		for b := range a {
			w.meet(a, b)
		}
	}
	w.run(8 * time.Second)
	w.net.Partition([]jamnp.PeerID{identity(0), identity(1)}, []jamnp.PeerID{identity(2), identity(3)})
	w.run(5 * time.Second)
	w.net.Heal() // too short to be noticed
	w.run(8 * time.Second)
	for i, p := range w.peers {
		if len(p.Peers()) != 3 {
			t.Errorf("%d has %d peers", i, len(p.Peers()))
		}
	}
	w.net.Partition([]jamnp.PeerID{identity(0), identity(1)})
	w.run(11 * time.Second)
	for i, p := range w.peers {
		if len(p.Peers()) != 1 {
			t.Errorf("%d has %d peers when cut", i, len(p.Peers()))
		}
	}
	w.net.Heal()
	w.run(2 * time.Minute)
	for i, p := range w.peers {
		if len(p.Peers()) != 3 {
			t.Errorf("%d has %d peers when healed", i, len(p.Peers()))
		}
	}
}

func TestCrash(t *testing.T) {
	w := newWorld(5, 2, Options{Faults: slow})
	w.meet(0, 1)
	w.run(8 * time.Second)
	failed := 0
	w.peers[0].Request(identity(1), 128, nil, 10, time.Minute, func([][]byte, error) { failed++ })
	w.net.Crash(identity(1))
	before := len(w.peers[1].log)
	w.run(2 * time.Second)
	if len(w.peers[0].Peers()) != 1 {
		t.Error("the crash is known at once")
	}
	next := &peer{}
	next.Node = w.net.Node(identity(1), address(1), next, posts{&w.events})
	next.Connect(identity(0), address(0))
	w.run(time.Minute)
	if len(w.peers[0].Peers()) != 1 || len(next.Peers()) != 1 || failed != 1 {
		t.Errorf("the next life has %d peers; %d", len(next.Peers()), failed)
	}
	if len(w.peers[1].log) != before {
		t.Error("the dead heard something")
	}
}

func TestBlame(t *testing.T) {
	w := newWorld(5, 2, Options{Faults: slow})
	w.meet(0, 1)
	w.run(8 * time.Second)
	w.peers[0].Blame(identity(1), BlameLimit-1, io.ErrShortWrite)
	w.run(10 * time.Minute)
	w.peers[0].Blame(identity(1), BlameLimit/2, io.ErrShortWrite)
	if w.run(time.Minute); len(w.peers[0].Peers()) != 1 {
		t.Error("disconnected too early")
	}
	w.peers[0].Blame(identity(1), BlameLimit/10, io.ErrShortWrite)
	w.run(time.Minute)
	if len(w.peers[0].Peers()) != 0 {
		t.Error("not disconnected, or not refused")
	}
	w.run(11 * time.Minute)
	if len(w.peers[0].Peers()) != 1 {
		t.Error("refused for ever")
	}
}

// TestDuplicates: what comes twice is told twice, but an answer.
func TestDuplicates(t *testing.T) {
	w := newWorld(5, 2, Options{Faults: Faults{MaxLatency: time.Second, Duplicate: 1}})
	w.meet(0, 1)
	w.run(8 * time.Second)
	from, to := w.initiator(0, 1)
	from.Open(to.id, 0)
	w.run(5 * time.Second)
	from.Send(to.id, 0, []byte("a"))
	answers := 0
	from.Request(to.id, 128, [][]byte{nil}, 10, time.Minute, func(_ [][]byte, err error) { answers++ })
	w.run(10 * time.Second)
	if !slices.Equal(to.heard, []string{"a", "a"}) || answers != 1 {
		t.Errorf("heard %q, %d answers", to.heard, answers)
	}
}

// TestSameSeed: a run follows from its seed.
func TestSameSeed(t *testing.T) {
	run := func(seed uint64) (trace []string) {
		w := newWorld(seed, 6, Options{Faults: slow, IdleTimeout: 5 * time.Second})
		for a := range 6 {
			for b := range a {
				w.meet(a, b)
			}
		}
		for i := range 40 {
			for a := range w.peers {
				for _, p := range w.peers[a].Peers() {
					if p.Initiator && i%10 == 0 {
						w.peers[a].Open(p.ID, 0)
					}
					w.peers[a].Send(p.ID, 0, fmt.Append(nil, i))
				}
			}
			switch i {
			case 10:
				w.net.Partition([]jamnp.PeerID{identity(0), identity(1)})
			case 20:
				w.net.Heal()
			}
			w.run(time.Second)
		}
		for _, p := range w.peers {
			trace = append(append(append(trace, p.log...), "heard"), p.heard...)
		}
		return trace
	}
	if !slices.Equal(run(7), run(7)) {
		t.Error("two runs of one seed differ")
	}
	if slices.Equal(run(7), run(8)) {
		t.Error("the seed does not matter")
	}
}

// BenchmarkAnnounce sends messages on UP streams, with a handler called by the scheduler.
func BenchmarkAnnounce(b *testing.B) {
	w := newWorld(1, 0, Options{Faults: Faults{MinLatency: time.Millisecond, MaxLatency: 100 * time.Millisecond}})
	quiet := &counter{}
	var nodes []*Node
	for i := range 64 {
		nodes = append(nodes, w.net.Node(identity(i), address(i), quiet, nil))
	}
	for i := range nodes {
		for j := range nodes {
			nodes[i].Connect(identity(j), address(j))
		}
	}
	w.run(10 * time.Second)
	for _, n := range nodes {
		for _, p := range n.Peers() {
			if p.Initiator {
				n.Open(p.ID, 0)
			}
		}
	}
	w.run(time.Second)
	message := make([]byte, 400)
	b.ReportAllocs()
	sent := 0
	for b.Loop() {
		n := nodes[sent%len(nodes)]
		n.Send(identity((sent*7+1)%len(nodes)), 0, message)
		if sent++; sent%4096 == 0 {
			w.run(100 * time.Millisecond)
		}
	}
	b.ReportMetric(float64(quiet.heard)/b.Elapsed().Seconds()/1e6, "Mmessages/s")
}

type counter struct{ heard int }

func (*counter) Connected(jamnp.Peer)                        {}
func (*counter) Disconnected(jamnp.PeerID, error)            {}
func (*counter) Handshake(jamnp.PeerID, jamnp.Kind) []byte   { return nil }
func (*counter) Opened(jamnp.PeerID, jamnp.Kind, []byte)     {}
func (c *counter) Received(jamnp.PeerID, jamnp.Kind, []byte) { c.heard++ }
func (*counter) Serve(x jamnp.Exchange)                      { x.Reject(nil) }

// BenchmarkMesh connects all of the validators of the full set with each other, opens streams to neighbours in the grid, and lets
// blocks be handed on.
func BenchmarkMesh(b *testing.B) {
	const validators = 1023
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		w := newWorld(1, 0, Options{Faults: Faults{MinLatency: 20 * time.Millisecond, MaxLatency: 200 * time.Millisecond}})
		var relays [validators]relay
		for i := range relays {
			relays[i].grid = jamnp.NeighboursOf(protocol.Validator(i), validators)
			relays[i].Node = w.net.Node(identity(i), address(i), &relays[i], nil)
		}
		for i := range relays {
			for j := range relays {
				relays[i].Connect(identity(j), address(j))
			}
		}
		w.run(10 * time.Second)
		for i := range relays {
			for _, j := range relays[i].grid {
				relays[i].Open(identity(int(j)), 0)
			}
		}
		w.run(time.Second)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		start := time.Now()
		const blocks = 20
		for block := range blocks {
			relays[block*31%validators].hand(byte(block + 1))
			w.run(6 * time.Second)
		}
		b.ReportMetric(float64(time.Since(start).Microseconds())/blocks/1000, "ms/block")
		for i := range relays {
			if relays[i].last != blocks {
				b.Fatalf("validator %d has not heard of the last block", i)
			}
		}
	}
}

// relay hands on what it hears of.
type relay struct {
	*Node
	counter
	grid []protocol.Validator
	last byte
}

func (r *relay) hand(block byte) {
	r.last = block
	message := []byte{block}
	for _, j := range r.grid {
		r.Send(identity(int(j)), 0, message)
	}
}

func (r *relay) Received(_ jamnp.PeerID, _ jamnp.Kind, m []byte) {
	if m[0] > r.last {
		r.hand(m[0])
	}
}
