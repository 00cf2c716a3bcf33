package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

var errGone = errors.New("dashboard: the node does not run")

const (
	// pace is how often what is shown is made anew, at most, however many look.
	pace = 250 * time.Millisecond
	// patience is how long a node's loop may take to answer.
	patience = 2 * time.Second
	// quiet is after how long without news a stream says that it lives.
	quiet = 10 * time.Second
)

// answer is what a view has given, and when.
type answer struct {
	done   chan struct{} // closed when it is there
	made   time.Time     // when it was begun
	octets []byte
	err    error
}

// ask gives a view of the node as JSON: one that is not older than the pace, or one that is being made.
func (r *Record) ask(ctx context.Context, name string) ([]byte, error) {
	r.mu.Lock()
	a := r.cached[name]
	if a == nil || a.stale() {
		a = &answer{done: make(chan struct{}), made: time.Now()}
		r.cached[name] = a
		go r.make(a, name) // it ends when the loop answers, or has stopped
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-a.done:
		return a.octets, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("dashboard: the node does not answer: %w", ctx.Err())
	}
}

// stale says whether an answer that is there is old.
func (a *answer) stale() bool {
	select {
	case <-a.done:
		return time.Since(a.made) >= pace
	default:
		return false
	}
}

func (r *Record) make(a *answer, name string) {
	defer close(a.done)
	if r.remote != nil {
		a.octets, a.err = fetch(r.remote, name)
		return
	}
	h, f := r.node()
	if h == nil {
		a.err = errGone
		return
	}
	v, err := views[name](r, h, &f)
	if err == nil {
		a.octets, err = json.Marshal(v)
	}
	a.err = err
}

// nodeBrief is how a node of several is.
type nodeBrief struct {
	ID   int             `json:"id"`
	Name string          `json:"name"`
	Up   bool            `json:"up"`
	Head json.RawMessage `json:"head,omitempty"`
}

// brief tells of all nodes.
func (s *Server) brief(ctx context.Context) []byte {
	list := []nodeBrief{}
	for _, r := range s.all() {
		octets, err := r.ask(ctx, "head")
		list = append(list, nodeBrief{r.id, r.name, err == nil, octets})
	}
	octets, err := json.Marshal(struct {
		Version string      `json:"version"`
		Network bool        `json:"network"`
		Nodes   []nodeBrief `json:"nodes"`
	}{s.opts.Version, s.opts.Network, list})
	if err != nil {
		s.log.Error("the nodes cannot be shown", "error", err)
	}
	return octets
}

func (s *Server) serveNodes(w http.ResponseWriter, r *http.Request) {
	if !enter(w, s.working) {
		return
	}
	defer leave(s.working)
	writeJSON(w, s.brief(r.Context()))
}

func (s *Server) serveView(w http.ResponseWriter, r *http.Request) {
	if !enter(w, s.working) {
		return
	}
	defer leave(s.working)
	record := s.find(r)
	if record == nil || views[r.PathValue("view")] == nil {
		http.NotFound(w, r)
		return
	}
	octets, err := record.ask(r.Context(), r.PathValue("view"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, octets)
}

// find gives the node that a request is about, or nil.
func (s *Server) find(r *http.Request) *Record {
	all := s.all()
	id, err := strconv.Atoi(r.PathValue("node"))
	if err != nil || id < 0 || id >= len(all) {
		return nil
	}
	return all[id]
}

func writeJSON(w http.ResponseWriter, octets []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(octets) // whoever does not hear it has gone
}

// enter takes a token, or answers that there is none.
func enter(w http.ResponseWriter, tokens chan struct{}) bool {
	select {
	case tokens <- struct{}{}:
		return true
	default:
		http.Error(w, "there are too many lookers-on", http.StatusServiceUnavailable)
		return false
	}
}

func leave(tokens chan struct{}) { <-tokens }

// serveStream tells of a view whenever it has changed, and of all nodes, as server-sent events. There is no queue: whoever reads
// slowly misses what was in between, and whoever does not read is left.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	record, name := s.find(r), r.URL.Query().Get("view")
	if record == nil || views[name] == nil {
		http.NotFound(w, r)
		return
	}
	if !enter(w, s.streams) {
		return
	}
	defer leave(s.streams)
	// What is told lasts as long as somebody looks.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &stream{w: w, control: control}
	for {
		news := record.news()
		out.tell("nodes", s.brief(r.Context()))
		octets, err := record.ask(r.Context(), name)
		if err != nil {
			octets = []byte(`{"gone":true}`)
		}
		out.tell("view", octets)
		if out.flush() != nil || !s.rest(r.Context(), news) {
			return
		}
	}
}

// rest waits for news, though not for ever: not everything is told of that changes. It reports false when the stream is over.
func (s *Server) rest(ctx context.Context, news <-chan struct{}) bool {
	for _, wait := range []<-chan time.Time{time.After(pace), time.After(2 * pace)} {
		select {
		case <-ctx.Done():
			return false
		case <-s.ctx.Done():
			return false
		case <-wait:
		}
		select {
		case <-news:
			return true
		default:
		}
	}
	return true
}

// stream is one who looks on.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    [2][]byte // by event
	said    time.Time
	pending bytes.Buffer
}

// tell tells of an event if it is another than before.
func (o *stream) tell(event string, octets []byte) {
	last := &o.last[0]
	if event == "view" {
		last = &o.last[1]
	}
	if bytes.Equal(*last, octets) {
		return
	}
	*last = octets
	fmt.Fprintf(&o.pending, "event: %s\ndata: %s\n\n", event, octets)
}

func (o *stream) flush() error {
	if o.pending.Len() == 0 {
		if time.Since(o.said) < quiet {
			return nil
		}
		o.pending.WriteString(":\n\n")
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(writePatient)) // it fails only where the connection knows no deadlines
	_, err := o.w.Write(o.pending.Bytes())
	o.pending.Reset()
	o.said = time.Now()
	if err != nil {
		return err
	}
	return o.control.Flush()
}
