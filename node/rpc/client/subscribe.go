package client

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"damson/internal/protocol"
)

// kept bounds the values of a subscription that wait to be received.
const kept = 1024

// ErrSlow means that a subscription ended since its values were not received.
var ErrSlow = errors.New("rpc: too many values of a subscription wait to be received")

// Subscription tells of something as it changes, and first as it is.
type Subscription[T any] struct {
	// C has the values. It is closed when the subscription ends; Err says why.
	C <-chan T

	socket *socket
	id     uint64
	method string
	decode func(json.RawMessage) (T, error)

	mu     sync.Mutex
	values chan T
	err    error
}

// Err says why a subscription has ended.
func (s *Subscription[T]) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Subscription[T]) hear(octets json.RawMessage) {
	v, err := s.decode(octets)
	if err != nil {
		s.end(err)
		return
	}
	s.mu.Lock()
	full := false
	if s.err == nil {
		select {
		case s.values <- v:
		default:
			full = true
		}
	}
	s.mu.Unlock()
	if full {
		s.end(ErrSlow)
	}
}

func (s *Subscription[T]) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = why
		close(s.values)
	}
}

// Close ends the subscription at the node.
func (s *Subscription[T]) Close(ctx context.Context) error {
	s.end(ErrClosed)
	s.socket.mu.Lock()
	delete(s.socket.subs, s.id)
	s.socket.mu.Unlock()
	return s.socket.call(ctx, "un"+s.method, []any{s.id}, func(json.RawMessage) error { return nil })
}

func subscribe[T any](ctx context.Context, c *Client, decode func(json.RawMessage) (T, error), method string, args ...any) (*Subscription[T], error) {
	way, ok := c.way.(*socket)
	if !ok {
		return nil, ErrSocket
	}
	s := &Subscription[T]{socket: way, method: method, decode: decode, values: make(chan T, kept)}
	s.C = s.values
	err := way.call(ctx, method, args, func(octets json.RawMessage) error {
		if err := json.Unmarshal(octets, &s.id); err != nil {
			return err
		}
		way.mu.Lock() // by the reader: what the subscription tells comes after
		way.subs[s.id] = s
		way.mu.Unlock()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Value is something of a state; not OK if the state has no such thing.
type Value[T any] struct {
	Value T
	OK    bool
}

func decodeHead(octets json.RawMessage) (h Head, err error) {
	ok, err := values("subscription", octets, (*hash)(&h.Hash), &h.Slot)
	return h, known(ok, err)
}

func decodeValue[T any](octets json.RawMessage) (v Value[T], err error) {
	v.OK, err = values("subscription", octets, &v.Value)
	return v, err
}

// decodeAccount reads an account, or an array with null.
func decodeAccount(octets json.RawMessage) (Value[[]byte], error) {
	v, err := decodeValue[[]byte](octets)
	v.OK = v.OK && v.Value != nil
	return v, err
}

// SubscribeBestBlock tells the head of the best chain when it moves.
func (c *Client) SubscribeBestBlock(ctx context.Context) (*Subscription[Head], error) {
	return subscribe(ctx, c, decodeHead, "subscribeBestBlock")
}

// SubscribeFinalizedBlock tells the latest finalized block when it moves.
func (c *Client) SubscribeFinalizedBlock(ctx context.Context) (*Subscription[Head], error) {
	return subscribe(ctx, c, decodeHead, "subscribeFinalizedBlock")
}

// SubscribeStatistics tells the encoded activity statistics when they change, after the finalized block or the best one.
func (c *Client) SubscribeStatistics(ctx context.Context, finalized bool) (*Subscription[Value[[]byte]], error) {
	return subscribe(ctx, c, decodeValue[[]byte], "subscribeStatistics", finalized)
}

// SubscribeServiceData tells the encoded account of a service when it changes.
func (c *Client) SubscribeServiceData(ctx context.Context, id protocol.ServiceID, finalized bool) (*Subscription[Value[[]byte]], error) {
	return subscribe(ctx, c, decodeAccount, "subscribeServiceData", id, finalized)
}

// SubscribeServiceValue tells what a service has stored under a key when it changes.
func (c *Client) SubscribeServiceValue(
	ctx context.Context, id protocol.ServiceID, key []byte, finalized bool,
) (*Subscription[Value[[]byte]], error) {
	return subscribe(ctx, c, decodeValue[[]byte], "subscribeServiceValue", id, present(key), finalized)
}

// SubscribeServicePreimage tells the preimage of a hash that a service has when it comes or goes.
func (c *Client) SubscribeServicePreimage(
	ctx context.Context, id protocol.ServiceID, of protocol.Hash, finalized bool,
) (*Subscription[Value[[]byte]], error) {
	return subscribe(ctx, c, decodeValue[[]byte], "subscribeServicePreimage", id, of[:], finalized)
}

// SubscribeServiceRequest tells the slots of a service's request for a preimage when they change.
func (c *Client) SubscribeServiceRequest(
	ctx context.Context, id protocol.ServiceID, of protocol.Hash, length uint32, finalized bool,
) (*Subscription[Value[[]protocol.Slot]], error) {
	return subscribe(ctx, c, decodeValue[[]protocol.Slot], "subscribeServiceRequest", id, of[:], length, finalized)
}
