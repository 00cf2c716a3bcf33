// Package collect is a server for telemetry: nodes connect, and what they tell is decoded, checked and handed on. See JIP-3.
package collect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"damson/node/telemetry"
)

// Options configures Serve. What is nil is left out. The functions are called by one goroutine at a time, and hold up the node
// that tells; what they are given is theirs.
type Options struct {
	Begun func(*Source)
	Event func(*Source, *telemetry.Event)
	Ended func(s *Source, err error) // the error is nil if the node has ended the connection between two messages

	MaxSources int // that are connected at once; 0 means 2048
}

const defaultMaxSources = 2048

// Source is a connection of a node. Its numbers change while it is open: they may be read in the functions of Options.
type Source struct {
	telemetry.Node
	Remote string // where it comes from

	Events  uint64                    // that have come
	Lost    uint64                    // that the node says it dropped
	Counts  map[telemetry.Code]uint64 // of Events
	NextID  uint64
	decoded bool
}

// Server takes connections.
type Server struct {
	o        Options
	listener net.Listener

	calls sync.Mutex // held while a function is called
	mu    sync.Mutex
	open  map[net.Conn]bool
	ended bool
	tasks sync.WaitGroup
}

// Serve begins to take connections. The listener is closed by Close.
func Serve(l net.Listener, o Options) *Server {
	if o.MaxSources == 0 {
		o.MaxSources = defaultMaxSources
	}
	s := &Server{o: o, listener: l, open: make(map[net.Conn]bool)}
	s.tasks.Go(s.accept)
	return s
}

// Close ends all connections and waits until nothing is called any more.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.ended = true
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.tasks.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.ended || len(s.open) >= s.o.MaxSources {
			s.mu.Unlock()
			_ = conn.Close()
			continue
		}
		s.open[conn] = true
		s.mu.Unlock()
		s.tasks.Go(func() { s.serve(conn) })
	}
}

// serve reads a connection to its end.
func (s *Server) serve(conn net.Conn) {
	source := &Source{Remote: conn.RemoteAddr().String(), Counts: make(map[telemetry.Code]uint64)}
	err := s.read(bufio.NewReaderSize(conn, 64<<10), source)
	s.mu.Lock()
	delete(s.open, conn)
	_ = conn.Close()
	s.mu.Unlock()
	s.call(func() {
		if s.o.Ended != nil && source.decoded {
			s.o.Ended(source, err)
		}
	})
}

// Do does something while none of the functions is called.
func (s *Server) Do(do func()) { s.call(do) }

func (s *Server) call(do func()) {
	s.calls.Lock()
	defer s.calls.Unlock()
	do()
}

// ErrNode wraps what is wrong with the first message of a connection.
var ErrNode = errors.New("collect: node information")

// read reads what a node tells. The error is nil if it ends between two messages.
func (s *Server) read(in io.Reader, source *Source) error {
	return Read(in, source, func(e *telemetry.Event) {
		s.call(func() {
			if !source.decoded {
				source.decoded = true
				if s.o.Begun != nil {
					s.o.Begun(source)
				}
			}
			if e != nil {
				source.count(e)
				if s.o.Event != nil {
					s.o.Event(source, e)
				}
			}
		})
	})
}

func (s *Source) count(e *telemetry.Event) {
	s.Events++
	s.Counts[e.Code]++
	s.NextID = e.Next()
	if e.Code == telemetry.Dropped {
		s.Lost += s.NextID - e.ID
	}
}

// Read decodes a stream: first what the node says of itself, into the source, and tells that by nil; then each event.
func Read(in io.Reader, source *Source, tell func(*telemetry.Event)) error {
	message, err := telemetry.ReadMessage(in, nil)
	if err == nil {
		err = source.Decode(message)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNode, err)
	}
	tell(nil)
	id := uint64(0)
	for {
		if message, err = telemetry.ReadMessage(in, nil); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		e := &telemetry.Event{ID: id}
		if err := e.Decode(message, source.Params); err != nil {
			return fmt.Errorf("collect: event %d: %w", id, err)
		}
		tell(e)
		id = e.Next()
	}
}
