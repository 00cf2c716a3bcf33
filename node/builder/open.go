package builder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"damson/crypto/bandersnatch"
	"damson/crypto/ed25519"
	"damson/internal/pvm"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/loop"
)

// NodeOptions configures Open. What is not said to be optional must be set.
type NodeOptions struct {
	Spec   *chainspec.Spec
	Setup  *bandersnatch.Setup // of the chain; see chainspec.Spec.Setup
	Engine pvm.Engine
	Slots  loop.Slots
	Log    *slog.Logger // nil: nobody wants to know
	Warp   bool         // see host.Options; for chains that are long already

	Authorizer Authorizer
	Changed    func(*Track) // see Options
}

// Open starts a node in memory that follows a chain, connected with its validators as builders are, and a builder on it. The
// host is the caller's to Stop.
func Open(ctx context.Context, o NodeOptions) (*Builder, *host.Host, error) {
	seed := make([]byte, 32)
	if _, err := rand.Read(seed); err != nil {
		return nil, nil, fmt.Errorf("builder: %w", err)
	}
	h, err := host.Start(ctx, host.Options{
		Spec: o.Spec, Setup: o.Setup, Engine: o.Engine, Slots: o.Slots, Log: o.Log, Warp: o.Warp,
		NodeKey: ed25519.NewPrivateKey([32]byte(seed)), AsBuilder: true,
	})
	if err != nil {
		return nil, nil, err
	}
	var b *Builder
	if !h.Do(func(n *node.Node) { b = New(Options{Node: n, Authorizer: o.Authorizer, Changed: o.Changed}) }) {
		return nil, nil, errors.Join(errors.New("builder: the node has stopped"), h.Stop())
	}
	return b, h, nil
}

// ErrAway means that a chain's validators are not to be reached, or that they make no blocks.
var ErrAway = errors.New("builder: no validators that make blocks were found")

// freshness is how old the best block may be for the chain to be near its head.
const freshness = 4 // slots

// Ready waits until the builder knows the head of the chain and can reach the guarantors.
func Ready(ctx context.Context, h *host.Host) error {
	const look = 20 * time.Millisecond
	for {
		ready := false
		if !h.Do(func(n *node.Node) {
			ready = !n.Gossip.Syncing() && !n.Gossip.Behind() && n.Chain.Best().Slot+freshness >= n.Slots.At(n.Loop.Now()) && connected(n)
		}) {
			return errors.New("builder: the node has stopped")
		}
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ErrAway, ctx.Err())
		case <-time.After(look):
		}
	}
}

// connected says whether as many validators are connected as make up two thirds, or as many as a node connects with.
func connected(n *node.Node) bool {
	validators := 0
	for _, p := range n.Network.Peers() {
		if n.Gossip.Sets().Validator(p.ID) {
			validators++
		}
	}
	return validators >= min(n.Params.Validators*2/3, enough)
}

// enough validators to be connected with.
const enough = 8
