// Package client asks a node by JIP-2: typed calls over HTTP POST or WebSocket, and subscriptions over WebSocket.
//
// client.go has the calls, subscribe.go the subscriptions, socket.go and post.go the two ways to a node.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"damson/internal/protocol"
	"damson/node/rpc"
)

// Client asks one node. It is safe for concurrent use.
type Client struct{ way way }

// way is how requests reach the node.
type way interface {
	// call asks; taken, which may be nil, is called with the result before anything that came later is looked at.
	call(ctx context.Context, method string, args []any, taken func(json.RawMessage) error) error
	close() error
}

var (
	// ErrUnknown means that the node does not have the block that it was asked about, or its state.
	ErrUnknown = errors.New("rpc: the node does not know the block")
	// ErrAnswer is an answer that is none.
	ErrAnswer = errors.New("rpc: the node's answer is not of JIP-2")
	// ErrClosed means that the connection is gone.
	ErrClosed = errors.New("rpc: the connection is closed")
	// ErrSocket means that something needs a WebSocket.
	ErrSocket = errors.New("rpc: subscriptions need a ws:// address")
)

// DefaultURL is where a node answers that was not told otherwise.
const DefaultURL = "ws://127.0.0.1:19800/"

// Dial connects with the node at a URL: ws or wss, which can subscribe, or http or https.
func Dial(ctx context.Context, address string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	switch u.Scheme {
	case "ws", "wss":
		s, err := dial(ctx, u.String())
		if err != nil {
			return nil, err
		}
		return &Client{s}, nil
	case "http", "https":
		return &Client{newPost(u.String())}, nil
	}
	return nil, fmt.Errorf("rpc: %q is no ws:// or http:// address", address)
}

// Close ends the connection and all subscriptions.
func (c *Client) Close() error { return c.way.close() }

// Call asks for a method by name. The result, if it is not nil, is what the JSON is read into. An error of the node is a *rpc.Error.
func (c *Client) Call(ctx context.Context, method string, result any, args ...any) error {
	return c.way.call(ctx, method, args, func(octets json.RawMessage) error {
		if result == nil {
			return nil
		}
		if err := json.Unmarshal(octets, result); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrAnswer, method, err)
		}
		return nil
	})
}

// values asks for a method whose result is an array, and reads its values. It reports false if the result is null.
func (c *Client) values(ctx context.Context, method string, args []any, into ...any) (bool, error) {
	var octets json.RawMessage
	if err := c.Call(ctx, method, &octets, args...); err != nil {
		return false, err
	}
	return values(method, octets, into...)
}

func values(method string, octets json.RawMessage, into ...any) (bool, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(octets, &list); err != nil {
		return false, fmt.Errorf("%w: %s: %w", ErrAnswer, method, err)
	}
	if list == nil {
		return false, nil
	}
	if len(list) != len(into) {
		return false, fmt.Errorf("%w: %s: %d values, not %d", ErrAnswer, method, len(list), len(into))
	}
	for i := range list {
		if err := json.Unmarshal(list[i], into[i]); err != nil {
			return false, fmt.Errorf("%w: %s: %w", ErrAnswer, method, err)
		}
	}
	return true, nil
}

// Head is a block by its hash and slot.
type Head struct {
	Hash protocol.Hash
	Slot protocol.Slot
}

// hash is a hash in base64.
type hash protocol.Hash

// UnmarshalJSON implements json.Unmarshaler.
func (h *hash) UnmarshalJSON(octets []byte) error {
	var b []byte
	if err := json.Unmarshal(octets, &b); err != nil {
		return err
	}
	if len(b) != len(h) {
		return fmt.Errorf("a hash of %d octets", len(b))
	}
	copy(h[:], b)
	return nil
}

func (c *Client) head(ctx context.Context, method string, args ...any) (h Head, ok bool, err error) {
	ok, err = c.values(ctx, method, args, (*hash)(&h.Hash), &h.Slot)
	return h, ok, err
}

func (c *Client) hash(ctx context.Context, method string, at protocol.Hash) (h protocol.Hash, ok bool, err error) {
	ok, err = c.values(ctx, method, []any{at[:]}, (*hash)(&h))
	return h, ok, err
}

// Parameters gives the chain's constants.
func (c *Client) Parameters(ctx context.Context) (*rpc.Parameters, error) {
	var versions struct{ V1 *rpc.Parameters }
	ok, err := c.values(ctx, "parameters", nil, &versions)
	if err == nil && (!ok || versions.V1 == nil) {
		err = fmt.Errorf("%w: parameters of an unknown version", ErrAnswer)
	}
	return versions.V1, err
}

// BestBlock gives the head of the best chain.
func (c *Client) BestBlock(ctx context.Context) (Head, error) {
	h, ok, err := c.head(ctx, "bestBlock")
	return h, known(ok, err)
}

// FinalizedBlock gives the latest finalized block.
func (c *Client) FinalizedBlock(ctx context.Context) (Head, error) {
	h, ok, err := c.head(ctx, "finalizedBlock")
	return h, known(ok, err)
}

func known(ok bool, err error) error {
	if err == nil && !ok {
		return ErrUnknown
	}
	return err
}

// Parent gives the parent of a block, or ErrUnknown.
func (c *Client) Parent(ctx context.Context, block protocol.Hash) (Head, error) {
	h, ok, err := c.head(ctx, "parent", block[:])
	return h, known(ok, err)
}

// StateRoot gives the posterior state root of a block, or ErrUnknown.
func (c *Client) StateRoot(ctx context.Context, block protocol.Hash) (protocol.Hash, error) {
	h, ok, err := c.hash(ctx, "stateRoot", block)
	return h, known(ok, err)
}

// BeefyRoot gives the BEEFY root of a block, or ErrUnknown.
func (c *Client) BeefyRoot(ctx context.Context, block protocol.Hash) (protocol.Hash, error) {
	h, ok, err := c.hash(ctx, "beefyRoot", block)
	return h, known(ok, err)
}

// Statistics gives the encoded activity statistics after a block, or ErrUnknown.
func (c *Client) Statistics(ctx context.Context, block protocol.Hash) (blob []byte, err error) {
	ok, err := c.values(ctx, "statistics", []any{block[:]}, &blob)
	return blob, known(ok, err)
}

// ServiceData gives the encoded account of a service after a block, or ErrUnknown. It is nil if there is no such service.
func (c *Client) ServiceData(ctx context.Context, block protocol.Hash, id protocol.ServiceID) (blob []byte, err error) {
	ok, err := c.values(ctx, "serviceData", []any{block[:], id}, &blob)
	return blob, known(ok, err)
}

// ServiceValue gives what a service has stored under a key; false if there is nothing.
func (c *Client) ServiceValue(ctx context.Context, block protocol.Hash, id protocol.ServiceID, key []byte) (blob []byte, ok bool, err error) {
	ok, err = c.values(ctx, "serviceValue", []any{block[:], id, present(key)}, &blob)
	return blob, ok, err
}

// ServicePreimage gives the preimage of a hash that a service has; false if it has none.
func (c *Client) ServicePreimage(ctx context.Context, block protocol.Hash, id protocol.ServiceID, of protocol.Hash) (blob []byte, ok bool, err error) {
	ok, err = c.values(ctx, "servicePreimage", []any{block[:], id, of[:]}, &blob)
	return blob, ok, err
}

// ServiceRequest gives the slots of a service's request for a preimage; false if there is none.
func (c *Client) ServiceRequest(
	ctx context.Context, block protocol.Hash, id protocol.ServiceID, of protocol.Hash, length uint32,
) (slots []protocol.Slot, ok bool, err error) {
	ok, err = c.values(ctx, "serviceRequest", []any{block[:], id, of[:], length}, &slots)
	return slots, ok, err
}

// ListServices lists the services after a block, or gives ErrUnknown.
func (c *Client) ListServices(ctx context.Context, block protocol.Hash) (services []protocol.ServiceID, err error) {
	ok, err := c.values(ctx, "listServices", []any{block[:]}, &services)
	return services, known(ok, err)
}

// SubmitWorkPackage hands an encoded work package and its extrinsics to the guarantors of a core.
func (c *Client) SubmitWorkPackage(ctx context.Context, core protocol.Core, pkg []byte, extrinsics [][]byte) error {
	if extrinsics == nil {
		extrinsics = [][]byte{}
	}
	return c.Call(ctx, "submitWorkPackage", nil, core, present(pkg), extrinsics)
}

// SubmitPreimage hands in a preimage that a service has requested. The block must be in the best chain.
func (c *Client) SubmitPreimage(ctx context.Context, id protocol.ServiceID, blob []byte, block protocol.Hash) error {
	return c.Call(ctx, "submitPreimage", nil, id, present(blob), block[:])
}

// PackageStage tells how far a package has come after a block: guaranteed, available or accumulated; empty if the state knows
// nothing of it. The encoded report is nil when the state has it no more. It is not in JIP-2.
func (c *Client) PackageStage(ctx context.Context, block, pkg protocol.Hash) (stage string, report []byte, err error) {
	_, err = c.values(ctx, "packageStage", []any{block[:], pkg[:]}, &stage, &report)
	return stage, report, err
}

// AuthorizerQueue gives the queue of a core after a block, or ErrUnknown. It is not in JIP-2.
func (c *Client) AuthorizerQueue(ctx context.Context, block protocol.Hash, core protocol.Core) (list []protocol.Hash, err error) {
	var hashes []hash
	ok, err := c.values(ctx, "authorizerQueue", []any{block[:], core}, &hashes)
	for _, h := range hashes {
		list = append(list, protocol.Hash(h))
	}
	return list, known(ok, err)
}

// Status tells how the node is. It is not in JIP-2.
func (c *Client) Status(ctx context.Context) (*rpc.Status, error) {
	s := new(rpc.Status)
	ok, err := c.values(ctx, "status", nil, s)
	return s, known(ok, err)
}

// present makes sure that nothing is an empty blob, not null.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
