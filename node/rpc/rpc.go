// Package rpc answers the requests of JIP-2, the RPC of JAM nodes, by JSON-RPC 2.0 over WebSocket and HTTP POST on one port.
//
// methods.go is the table of all methods, from which requests are checked, answered and documented (openrpc.go). message.go
// and arguments.go decode what comes in; socket.go and post.go are the two ways in, guard.go says who may come by them.
// follow.go watches the chain and tells subscribers; chain.go, service.go and submit.go answer.
//
// Clients are served beside the node's loop, which never waits for them: what is asked of a block is read from the store or
// from states, which do not change, and the heads of the chain are noted as they move. Whatever a client can make the server
// hold has a bound. See docs/RPC.md for what JIP-2 leaves open.
package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"damson/internal/protocol"
	"damson/node"
	"damson/node/chain"
	"damson/state/store"
)

// Node is what the server needs of a node. It is a host.Host.
type Node interface {
	// Do runs a function on the node's loop, and returns when it is done. It reports false if the node has stopped.
	Do(do func(*node.Node)) bool
}

// Packages takes work packages to those who guarantee them.
type Packages interface {
	// SubmitPackage is called on the node's loop. Done is called once, on the loop: nil means that a guarantor of the core has it.
	// An error that wraps protocol.Invalid is the package's.
	SubmitPackage(core protocol.Core, pkg []byte, extrinsics [][]byte, done func(error))
}

// Options configures New. Node must be set; the zero value of the rest is fit for production.
type Options struct {
	Node Node
	Log  *slog.Logger // nil: nobody wants to know

	// Who may come. A browser shows where a page is from, and no page drives the node but those of these origins, "*" being all.
	// A name by which the node may be asked for must be among Hosts, unless it is localhost or an address: DNS rebinding.
	Origins, Hosts []string
	// Unsafe lets everybody submit packages and preimages who may ask at all; otherwise only those on this machine may.
	Unsafe bool

	Packages Packages // nil: the guarantors of the core are sent work packages

	Limits Limits
}

// Limits bound what clients can make the server hold. A zero is the default.
type Limits struct {
	Sockets       int           // connections by WebSocket: 2048
	Posts         int           // requests by POST that are being read or answered: 256
	Working       int           // requests that are being answered: 64
	Batch         int           // requests in a batch: 128
	Message       int64         // octets of a message: 1 MiB, and more only for those who may submit packages
	BigMessages   int           // messages of more than 64 KiB that are being read or answered: 8
	Subscriptions int           // of a connection: 128
	Queue         int           // messages that wait for a client to read them: 256
	QueueOctets   int           // likewise, their octets: 8 MiB
	Answer        int           // octets of the answer to a message: 32 MiB
	Patience      time.Duration // for a client that does not read, or does not finish what it says: 15 s
	Submission    time.Duration // for what is submitted to be taken: 20 s
}

func (l *Limits) defaults() {
	setDefault(&l.Sockets, 2048)
	setDefault(&l.Posts, 256)
	setDefault(&l.Working, 64)
	setDefault(&l.Batch, 128)
	setDefault(&l.Message, 1<<20)
	setDefault(&l.BigMessages, 8)
	setDefault(&l.Subscriptions, 128)
	setDefault(&l.Queue, 256)
	setDefault(&l.QueueOctets, 8<<20)
	setDefault(&l.Answer, 32<<20)
	setDefault(&l.Patience, 15*time.Second)
	setDefault(&l.Submission, 20*time.Second)
}

func setDefault[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// Server answers. It is an http.Handler.
type Server struct {
	opts   Options
	limits Limits
	log    *slog.Logger
	params *protocol.Params
	store  *store.Store
	submit int64 // octets of a message by which a package may be submitted

	table   map[string]*method
	names   []string // of the table's methods, in its order
	openrpc []byte
	mux     *http.ServeMux

	follower follower
	counts   counters
	prober   prober

	ctx                          context.Context // ends when the server closes
	cancel                       context.CancelFunc
	sockets, posts, working, big chan struct{} // as many tokens as the limits say
	mu                           sync.Mutex
	closed                       bool
	running                      sync.WaitGroup // connections and requests
}

// ErrStopped means that the node does not run.
var ErrStopped = errors.New("rpc: the node has stopped")

// New makes a server for a running node.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: o, limits: o.Limits, log: o.Log}
	s.limits.defaults()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.sockets, s.posts = make(chan struct{}, s.limits.Sockets), make(chan struct{}, s.limits.Posts)
	s.working, s.big = make(chan struct{}, s.limits.Working), make(chan struct{}, s.limits.BigMessages)
	s.follower.init(s)
	if !o.Node.Do(func(n *node.Node) {
		s.params, s.store = n.Params, n.Store
		s.follower.begin(tipOf(n.Chain.Best()), tipOf(n.Chain.Finalized()))
		n.Chain.Watch(chain.Events{
			Best:      func(_, now *chain.Block) { s.follower.note(false, tipOf(now)) },
			Finalized: func(b *chain.Block) { s.follower.note(true, tipOf(b)) },
		})
	}) {
		return nil, ErrStopped
	}
	s.submit = int64(submissionOctets(s.params))
	s.table, s.names = tabulate()
	s.openrpc = s.document()
	s.mux = s.routes()
	s.running.Go(s.follower.run)
	return s, nil
}

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.serveRoot)
	mux.HandleFunc("GET /openrpc.json", s.serveOpenRPC)
	mux.HandleFunc("GET /docs", serveDocs)
	mux.HandleFunc("GET /health", s.serveHealth)
	mux.HandleFunc("GET /ready", s.serveReady)
	mux.HandleFunc("GET /status", s.serveStatus)
	return mux
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		http.Error(w, "the server is closing", http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	if !s.admit(w, r) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// begin notes that there is work; it reports false when the server is closing.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// serveRoot is where clients ask: by WebSocket or by POST.
func (s *Server) serveRoot(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		s.servePost(w, r)
	case isUpgrade(r):
		s.serveSocket(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, "/docs", http.StatusFound)
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS, POST")
		http.Error(w, "ask by WebSocket or POST; /docs says what", http.StatusMethodNotAllowed)
	}
}

// Close tells all clients that the server goes away, and returns when nothing of it runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.running.Wait()
}

// Listener serves a Server on a socket.
type Listener struct {
	Address net.Addr

	http   *http.Server
	server *Server
	ended  chan error
}

// Listen opens a TCP socket and serves a server there.
func Listen(address string, s *Server) (*Listener, error) {
	socket, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return Serve(socket, s), nil
}

// Serve serves a server on a socket, which it closes in the end.
func Serve(socket net.Listener, s *Server) *Listener {
	l := &Listener{Address: socket.Addr(), server: s, ended: make(chan error, 1)}
	l.http = &http.Server{
		Handler: s, ReadHeaderTimeout: s.limits.Patience, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() { l.ended <- l.http.Serve(socket) }()
	return l
}

// Close closes the socket and the server.
func (l *Listener) Close() error {
	l.server.Close()
	err := l.http.Close()
	if ended := <-l.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
