package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"damson/internal/invariants"
)

// client is who asks.
type client struct {
	trusted bool    // may submit
	bare    bool    // wants results of one value without the array around it
	conn    *socket // nil: it came by POST
}

// call is a request whose arguments have been decoded.
type call struct {
	ctx    context.Context
	client *client
	args   arguments
	after  []func() // to do when the answer is on its way
}

// counters are for metrics.
type counters struct {
	requests, errors, refused atomic.Int64 // requests answered, of these with errors; clients turned away
	notifications, slow       atomic.Int64 // to subscribers; subscriptions that ended since nobody read
	sockets, subscriptions    atomic.Int64 // now
	nanoseconds               atomic.Int64 // spent on answers
}

// answer answers a message. The reply is empty if all it had were notifications. What comes after is for when it is sent.
func (s *Server) answer(ctx context.Context, octets []byte, c *client) (reply []byte, after []func()) {
	m, failed := decodeMessage(octets, s.limits.Batch)
	if failed != nil {
		s.counts.requests.Add(1)
		s.counts.errors.Add(1)
		return appendAnswer(nil, null, nil, failed), nil
	}
	for i := range m.requests {
		r, err := &m.requests[i], m.errs[i]
		call := &call{ctx: ctx, client: c}
		var value json.RawMessage
		if err == nil && len(reply) > s.limits.Answer {
			err = errorf(CodeTooLarge, "the answers before are too large for more in one message")
		}
		if err == nil {
			value, err = s.perform(r, call)
		}
		if err == nil && len(value)+len(reply) > s.limits.Answer {
			value, err = nil, errorf(CodeTooLarge, "the answer has %d octets", len(value))
		}
		s.counts.requests.Add(1)
		if err != nil {
			s.counts.errors.Add(1)
		}
		if r.id == nil {
			continue // nobody wants to know
		}
		if len(reply) > 0 {
			reply = append(reply, ',')
		}
		reply = appendAnswer(reply, r.id, value, err)
		after = append(after, call.after...)
	}
	if m.batch && len(reply) > 0 {
		reply = append(append([]byte{'['}, reply...), ']')
	}
	return reply, after
}

// perform does what a request asks for and gives the result's JSON.
func (s *Server) perform(r *request, c *call) (json.RawMessage, *Error) {
	m := s.table[r.method]
	if m == nil {
		return nil, errorf(CodeMethod, "there is no method %.64q", r.method)
	}
	if m.submits && !c.client.trusted {
		return nil, errorf(CodeForbidden, "this node takes submissions from its own machine only (see --rpc-unsafe)")
	}
	var failed *Error
	if c.args, failed = decodeArguments(m.params, r.params); failed != nil {
		return nil, failed
	}
	if !m.submits {
		select {
		case s.working <- struct{}{}:
			defer func() { <-s.working }()
		case <-c.ctx.Done():
			return nil, errorf(CodeBusy, "the request was given up")
		}
	}
	begun := time.Now()
	defer func() { s.counts.nanoseconds.Add(int64(time.Since(begun))) }()
	if m.subscribes() || m.of != nil {
		return s.performSubscription(m, r, c)
	}
	var value result
	if err := invariants.Guard(func() error {
		value, failed = m.call(s, c)
		return nil
	}); err != nil {
		return nil, s.failed(err)
	}
	if failed != nil {
		return nil, failed
	}
	octets := encode(value)
	if c.client.bare {
		octets = bareResult(octets)
	}
	return octets, nil
}

// performSubscription begins or ends a subscription. Its identifier, and whether there was one to end, come without an array
// around them, as is usual for JSON-RPC.
func (s *Server) performSubscription(m *method, r *request, c *call) (json.RawMessage, *Error) {
	conn := c.client.conn
	if conn == nil {
		return nil, errorf(CodeMethod, "%s needs a WebSocket", m.name)
	}
	if m.of != nil {
		return encode(conn.unsubscribe(m.of.name, c.args.number())), nil
	}
	if r.id == nil {
		return nil, errorf(CodeRequest, "a subscription needs an id")
	}
	id, begin, err := conn.subscribe(m, c.args)
	if err != nil {
		return nil, err
	}
	c.after = append(c.after, begin)
	return encode(id), nil
}

// bareResult takes the array off a result of one value, and makes null of none.
func bareResult(octets json.RawMessage) json.RawMessage {
	var values []json.RawMessage
	if bytes.Equal(octets, null) || json.Unmarshal(octets, &values) != nil {
		return octets
	}
	switch len(values) {
	case 0:
		return null
	case 1:
		return values[0]
	}
	return octets
}
