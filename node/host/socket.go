package host

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// SocketName is what the socket is called in a node's data folder. Who may enter the folder may ask there.
const SocketName = "status.sock"

// Question is a line that is asked on a node's socket. The answer is a line, too: a Report, or what came of a backup.
type Question struct {
	Since  uint64 `json:"since"`            // number of the first event wanted
	Backup string `json:"backup,omitempty"` // a folder to copy the chain to, in place of a report
}

// Answer is the answer to a question.
type Answer struct {
	Report *Report `json:"report,omitempty"`
	Error  string  `json:"error,omitempty"`
}

const (
	maxQuestion  = 64 << 10
	maxAnswer    = 64 << 20
	socketIdle   = time.Minute
	backupIsSlow = 10 * time.Minute
)

// Socket answers questions about a node.
type Socket struct {
	host     *Host
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
	ended    bool
	served   sync.WaitGroup
}

// Listen begins to answer questions on a socket in the node's data folder. What a crash has left there is removed: the store
// belongs to this process.
func (h *Host) Listen(folder string) (*Socket, error) {
	path := filepath.Join(folder, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("host: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("host: status socket: %w", err)
	}
	s := &Socket{host: h, listener: listener, open: make(map[net.Conn]bool)}
	s.served.Go(s.accept)
	return s, os.Chmod(path, 0o600)
}

// Close ends all connections.
func (s *Socket) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.ended = true
	for conn := range s.open {
		err = errors.Join(err, conn.Close())
	}
	s.mu.Unlock()
	s.served.Wait()
	return err
}

func (s *Socket) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.ended {
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.open[conn] = true
		s.mu.Unlock()
		s.served.Go(func() { s.serve(conn) })
	}
}

// serve answers until the other side is silent for too long or goes away.
func (s *Socket) serve(conn net.Conn) {
	defer func() {
		s.mu.Lock()
		if s.open[conn] {
			delete(s.open, conn)
			_ = conn.Close()
		}
		s.mu.Unlock()
	}()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxQuestion)
	out := json.NewEncoder(conn)
	for {
		if conn.SetReadDeadline(time.Now().Add(socketIdle)) != nil || !lines.Scan() {
			return
		}
		var q Question
		a := Answer{}
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			a.Error = err.Error()
		} else {
			a = s.host.answer(&q)
		}
		if conn.SetWriteDeadline(time.Now().Add(socketIdle)) != nil || out.Encode(&a) != nil {
			return
		}
	}
}

func (h *Host) answer(q *Question) (a Answer) {
	if q.Backup != "" {
		if err := h.store.Backup(q.Backup); err != nil {
			a.Error = err.Error()
		}
		return a
	}
	report, ok := h.Report(q.Since)
	if !ok {
		a.Error = "the node has stopped"
		return a
	}
	a.Report = report
	return a
}

// Ask asks the node that runs on a data folder.
func Ask(folder string, q Question) (*Report, error) {
	conn, err := net.DialTimeout("unix", filepath.Join(folder, SocketName), time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // all has been read
	patience := socketIdle
	if q.Backup != "" {
		patience = backupIsSlow
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(conn).Encode(&q); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxAnswer)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("host: no answer from the node"), lines.Err())
	}
	var a Answer
	if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	if a.Error != "" {
		return nil, fmt.Errorf("host: the node says: %s", a.Error)
	}
	return a.Report, nil
}
