package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// socket asks by WebSocket. One goroutine reads what the node says, in its order.
type socket struct {
	ws     *websocket.Conn
	cancel context.CancelFunc
	done   chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*waiter
	subs    map[uint64]listener
	err     error // why it has ended
}

type waiter struct {
	taken func(json.RawMessage) error
	done  chan error // has room for one
}

// listener hears of a subscription; an error is the last it hears.
type listener interface {
	hear(json.RawMessage)
	end(error)
}

func dial(ctx context.Context, url string) (*socket, error) {
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	ws.SetReadLimit(maxAnswer)
	lasting, cancel := context.WithCancel(context.Background())
	s := &socket{
		ws: ws, cancel: cancel, done: make(chan struct{}), waiting: make(map[uint64]*waiter), subs: make(map[uint64]listener),
	}
	go s.read(lasting)
	return s, nil
}

func (s *socket) close() error {
	s.mu.Lock()
	if s.err == nil {
		s.err = ErrClosed
	}
	s.mu.Unlock()
	_ = s.ws.Close(websocket.StatusNormalClosure, "")
	s.cancel()
	<-s.done
	return nil
}

func (s *socket) call(ctx context.Context, method string, args []any, taken func(json.RawMessage) error) error {
	w := &waiter{taken: taken, done: make(chan error, 1)}
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		return err
	}
	s.last++
	id := s.last
	s.waiting[id] = w
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
	}()
	octets, err := request(id, method, args)
	if err != nil {
		return err
	}
	// A context that ends while a frame is written ends the connection; the write is short, and not bound to it.
	if err := s.ws.Write(context.WithoutCancel(ctx), websocket.MessageText, octets); err != nil {
		return fmt.Errorf("rpc: %w", err)
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *socket) read(ctx context.Context) {
	defer close(s.done)
	for {
		_, octets, err := s.ws.Read(ctx)
		if err != nil {
			s.end(err)
			return
		}
		var a answered
		if err := json.Unmarshal(octets, &a); err != nil {
			s.end(fmt.Errorf("%w: %w", ErrAnswer, err))
			_ = s.ws.CloseNow()
			return
		}
		if a.Method != "" && a.Params != nil {
			s.tell(a.Params)
		} else {
			s.settle(&a)
		}
	}
}

// settle gives an answer to who waits for it.
func (s *socket) settle(a *answered) {
	if a.ID == nil {
		return
	}
	s.mu.Lock()
	w := s.waiting[*a.ID]
	delete(s.waiting, *a.ID)
	s.mu.Unlock()
	switch {
	case w == nil:
	case a.Error != nil:
		w.done <- a.Error
	default:
		w.done <- w.taken(a.Result)
	}
}

func (s *socket) tell(t *told) {
	s.mu.Lock()
	l := s.subs[t.Subscription]
	if t.Error != nil {
		delete(s.subs, t.Subscription)
	}
	s.mu.Unlock()
	switch {
	case l == nil:
	case t.Error != nil:
		l.end(t.Error)
	default:
		l.hear(t.Result)
	}
}

// end tells everybody that the connection is gone.
func (s *socket) end(why error) {
	if status := websocket.CloseStatus(why); status != -1 {
		var closed websocket.CloseError
		if errors.As(why, &closed) {
			why = fmt.Errorf("%w: %s", ErrClosed, closed.Reason)
		}
	}
	s.mu.Lock()
	if s.err == nil {
		s.err = why
	}
	why = s.err
	waiting, subs := s.waiting, s.subs
	s.waiting, s.subs = make(map[uint64]*waiter), make(map[uint64]listener)
	s.mu.Unlock()
	for _, w := range waiting {
		w.done <- why
	}
	for _, l := range subs {
		l.end(why)
	}
}
