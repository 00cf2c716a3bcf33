// Package dashboard is a web page that shows what nodes do while they do it: the chain, cores and their reports, validators,
// services, peers, how long blocks take, and what services log.
//
// A Record goes with each node (record.go, packages.go): it notes what happens as it happens, which costs the loop next to
// nothing. What the page shows besides is read from the node when somebody looks, a few times a second for all who do (views.go, state.go),
// and goes out as JSON or as a stream of events (stream.go). The page is in web/, without anything from elsewhere.
//
// The page tells much and changes nothing. It is for people on the same machine: see [Listen].
package dashboard

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed web
var files embed.FS

// DefaultAddress is where a network's dashboard is, unless somebody wants it elsewhere.
const DefaultAddress = "127.0.0.1:19880"

// Options configures New.
type Options struct {
	Version  string           // of the program
	Network  bool             // all nodes of a network are shown, not just one
	Programs func() *Programs // what the engine has compiled; nil: it does not compile
	Log      *slog.Logger     // nil: nobody wants to know
}

// Programs are what the engine of the program has compiled, for all nodes in it.
type Programs struct {
	Compiled uint64 `json:"compiled"` // since the beginning
	Cached   int    `json:"cached"`
	Bytes    int64  `json:"octets"` // of those that are cached
}

// Bounds of what lookers-on can make the server do.
const (
	maxStreams   = 64
	maxRequests  = 64
	writePatient = 10 * time.Second
)

// Server serves the page and what it shows. It is an http.Handler.
type Server struct {
	opts  Options
	log   *slog.Logger
	mux   *http.ServeMux
	pages map[string]*page

	mu    sync.Mutex
	nodes []*Record

	ctx              context.Context // ends when the server closes
	cancel           context.CancelFunc
	streams, working chan struct{} // as many tokens as may be
}

// New makes a server that shows no node yet.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{opts: o, log: o.Log, streams: make(chan struct{}, maxStreams), working: make(chan struct{}, maxRequests)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	web, err := fs.Sub(files, "web")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	if s.pages, err = readPages(web); err != nil {
		return nil, err
	}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /", s.servePage)
	s.mux.HandleFunc("GET /api/nodes", s.serveNodes)
	s.mux.HandleFunc("GET /api/nodes/{node}/stream", s.serveStream)
	s.mux.HandleFunc("GET /api/nodes/{node}/{view}", s.serveView)
	return s, nil
}

// Add makes a record of a node, which is shown from now on. Nodes are listed in the order in which they came.
func (s *Server) Add(name string) *Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := newRecord(s, len(s.nodes), name)
	s.nodes = append(s.nodes, r)
	return r
}

// all gives the records.
func (s *Server) all() []*Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[:len(s.nodes):len(s.nodes)]
}

// ErrPublic means that others than this machine could see the page.
var ErrPublic = errors.New("dashboard: it shows itself to this machine alone: the address must be of the loopback")

// Listener serves a Server on a socket.
type Listener struct {
	Address net.Addr

	http   *http.Server
	server *Server
	ended  chan error
}

// Listen opens a TCP socket of the loopback, or what Socket names, and serves there. Whoever wants to look from elsewhere has ways
// that know who it is, as tunnels of ssh.
func Listen(address string, s *Server) (*Listener, error) {
	socket, err := open(address)
	if err != nil {
		return nil, err
	}
	l := &Listener{Address: socket.Addr(), server: s, ended: make(chan error, 1)}
	l.http = &http.Server{
		Handler: s, ReadHeaderTimeout: writePatient, ReadTimeout: writePatient, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	go func() { l.ended <- l.http.Serve(socket) }()
	return l, nil
}

func open(address string) (socket net.Listener, err error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if socket, err = listenUnix(path); err != nil {
			return nil, fmt.Errorf("dashboard: %w", err)
		}
		return socket, nil
	}
	if socket, err = net.Listen("tcp", address); err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	if at, ok := socket.Addr().(*net.TCPAddr); !ok || !at.AddrPort().Addr().Unmap().IsLoopback() {
		return nil, errors.Join(ErrPublic, socket.Close())
	}
	return socket, nil
}

// URL is where the page is.
func (l *Listener) URL() string { return "http://" + l.Address.String() + "/" }

// Close closes the socket and ends all streams.
func (l *Listener) Close() error {
	l.server.cancel()
	for _, r := range l.server.all() {
		if r.remote != nil {
			r.remote.CloseIdleConnections()
		}
	}
	err := l.http.Close()
	if ended := <-l.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
