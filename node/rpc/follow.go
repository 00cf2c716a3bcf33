package rpc

import (
	"bytes"
	"encoding/json"
	"sync"

	"damson/internal/protocol"
	"damson/node/chain"
	"damson/state"
)

// tip is a head of the chain: the best block or the finalized one. It does not change.
type tip struct {
	hash, parent, root protocol.Hash
	slot               protocol.Slot
	state              *state.State
}

// tipOf is called on the node's loop, to which the block belongs.
func tipOf(b *chain.Block) *tip { return &tip{b.Hash, b.Parent, b.StateRoot, b.Slot, b.State} }

// maxMoves bounds the moves of the heads that subscribers are still to be told. While a node catches up blocks come faster than
// they are told; then the oldest moves are passed over.
const maxMoves = 512

// follower knows the heads of the chain and tells subscribers of them. The loop only notes where they are.
type follower struct {
	server *Server

	noteMu      sync.Mutex // never held while anything else is waited for
	best, final *tip
	moves       []move
	wake        chan struct{} // has room for one

	mu     sync.Mutex // guards what follows, and is held while values are read and handed to connections
	topics map[topicKey]*topic
	told   [2]*tip // the heads as subscribers know them: best, finalized
}

type move struct {
	final bool
	tip   *tip
}

// topicKey names what is subscribed to: a method and its arguments as they are told apart.
type topicKey struct {
	method string
	args   string
	final  bool
}

// topic is something that some connections want to hear of.
type topic struct {
	method *method
	args   arguments
	final  bool
	last   json.RawMessage // what subscribers were told last
	who    map[*subscription]struct{}
}

// subscription is a topic for a connection.
type subscription struct {
	id   uint64
	key  topicKey
	conn *socket
}

func (f *follower) init(s *Server) {
	f.server, f.wake, f.topics = s, make(chan struct{}, 1), make(map[topicKey]*topic)
}

// begin hears on the loop where the heads are.
func (f *follower) begin(best, final *tip) {
	f.best, f.final = best, final
	f.told = [2]*tip{best, final}
}

func index(final bool) int {
	if final {
		return 1
	}
	return 0
}

// note hears on the loop that a head has moved.
func (f *follower) note(final bool, t *tip) {
	f.noteMu.Lock()
	if final {
		f.final = t
	} else {
		f.best = t
	}
	if len(f.moves) == maxMoves {
		f.moves = f.moves[:copy(f.moves, f.moves[1:])]
	}
	f.moves = append(f.moves, move{final, t})
	f.noteMu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// head gives the best block or the finalized one.
func (f *follower) head(final bool) *tip {
	f.noteMu.Lock()
	defer f.noteMu.Unlock()
	if final {
		return f.final
	}
	return f.best
}

func (f *follower) take() []move {
	f.noteMu.Lock()
	defer f.noteMu.Unlock()
	moves := f.moves
	f.moves = nil
	return moves
}

// run tells subscribers until the server closes.
func (f *follower) run() {
	for {
		select {
		case <-f.wake:
		case <-f.server.ctx.Done():
			return
		}
		for _, m := range f.take() {
			f.tell(m)
		}
	}
}

// tell tells the subscribers of what a move of a head has changed.
func (f *follower) tell(m move) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told[index(m.final)] = m.tip
	for _, t := range f.topics {
		if t.final != m.final {
			continue
		}
		value, err := t.method.watch(f.server, m.tip, t.args)
		if err != nil {
			f.server.log.Warn("a subscription cannot be served", "method", t.method.name, "error", err)
			continue
		}
		if bytes.Equal(value, t.last) {
			continue
		}
		t.last = value
		for s := range t.who {
			f.send(t, s)
		}
	}
}

// send hands the value of a topic to a subscriber, and ends the subscription if there is no room.
func (f *follower) send(t *topic, s *subscription) {
	value := t.last
	if s.conn.bare {
		value = bareResult(value)
	}
	if s.conn.notify(notification(t.method.name, s.id, value, nil)) {
		f.server.counts.notifications.Add(1)
		return
	}
	f.drop(s)
	f.server.counts.slow.Add(1)
	s.conn.ended(s.id, notification(t.method.name, s.id, nil,
		errorf(CodeSlow, "this subscription is over: the client does not read what it is sent")))
}

// subscribe adds a subscription that has an id. It is told the value as it is now.
func (f *follower) subscribe(m *method, args arguments, s *subscription) *Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !s.conn.wants(s) {
		return nil
	}
	t := f.topics[s.key]
	if t == nil {
		t = &topic{method: m, args: args, final: s.key.final, who: make(map[*subscription]struct{})}
		value, err := m.watch(f.server, f.told[index(t.final)], args)
		if err != nil {
			return errorf(CodeInternal, "the state cannot be read")
		}
		t.last = value
		f.topics[s.key] = t
	}
	t.who[s] = struct{}{}
	f.server.counts.subscriptions.Add(1)
	f.send(t, s)
	return nil
}

// unsubscribe ends a subscription; it is the connection's to call it once.
func (f *follower) unsubscribe(s *subscription) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(s)
}

func (f *follower) drop(s *subscription) {
	t := f.topics[s.key]
	if t == nil {
		return
	}
	if _, ok := t.who[s]; !ok {
		return
	}
	delete(t.who, s)
	f.server.counts.subscriptions.Add(-1)
	if len(t.who) == 0 {
		delete(f.topics, s.key)
	}
}
