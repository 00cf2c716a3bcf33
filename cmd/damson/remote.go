package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/builder"
	"damson/node/rpc"
	"damson/node/rpc/client"
	"damson/state"
)

// remote is access by requests to a node (JIP-2).
type remote struct {
	*client.Client
	params     *protocol.Params
	authorizer builder.Authorizer
	tracks     map[protocol.Hash]*builder.Track
}

// remote connects with the node at --rpc.
func (f *followFlags) remote(ctx context.Context) (*remote, error) {
	authorizer, err := f.authorizer()
	if err != nil {
		return nil, err
	}
	c, err := client.Dial(ctx, f.rpc)
	if err != nil {
		return nil, withCode(exitNetwork, fmt.Errorf("--rpc: %w", err))
	}
	p, err := c.Parameters(ctx)
	if err != nil {
		return nil, errors.Join(withCode(exitNetwork, fmt.Errorf("--rpc %s: %w", f.rpc, err)), c.Close())
	}
	return &remote{c, p.Params(), authorizer, make(map[protocol.Hash]*builder.Track)}, nil
}

func (x *remote) close() error { return x.Close() }

// best gives the head of the best chain.
func (x *remote) best(ctx context.Context) (protocol.Hash, error) {
	h, err := x.BestBlock(ctx)
	return h.Hash, err
}

func (x *remote) account(ctx context.Context, id protocol.ServiceID) (*state.Account, error) {
	at, err := x.best(ctx)
	if err != nil {
		return nil, err
	}
	blob, err := x.ServiceData(ctx, at, id)
	if err != nil {
		return nil, err
	}
	if blob == nil {
		return nil, fmt.Errorf("%w: %d", builder.ErrNoService, id)
	}
	a := new(state.Account)
	d := codec.NewDecoder(blob)
	a.DecodeFrom(&d)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("service %d: %w", id, err)
	}
	return a, nil
}

func (x *remote) stored(ctx context.Context, id protocol.ServiceID, key []byte) ([]byte, bool, error) {
	at, err := x.best(ctx)
	if err != nil {
		return nil, false, err
	}
	return x.ServiceValue(ctx, at, id, key)
}

func (x *remote) holds(ctx context.Context, id protocol.ServiceID, preimage protocol.Hash) (bool, error) {
	at, err := x.best(ctx)
	if err != nil {
		return false, err
	}
	_, ok, err := x.ServicePreimage(ctx, at, id, preimage)
	return ok, err
}

func (x *remote) queue(ctx context.Context, core protocol.Core) ([]protocol.Hash, error) {
	if int(core) >= x.params.Cores {
		return nil, errCore(core, x.params.Cores)
	}
	at, err := x.best(ctx)
	if err != nil {
		return nil, err
	}
	return x.AuthorizerQueue(ctx, at, core)
}

func (x *remote) services(ctx context.Context) ([]protocol.ServiceID, error) {
	at, err := x.best(ctx)
	if err != nil {
		return nil, err
	}
	return x.ListServices(ctx, at)
}

func (x *remote) provide(ctx context.Context, id protocol.ServiceID, blob []byte) error {
	at, err := x.best(ctx)
	if err != nil {
		return err
	}
	return x.SubmitPreimage(ctx, id, blob, at)
}

// anchor gives the block that a package is to stand on: see builder.Near.
func (x *remote) anchor(ctx context.Context) (anchor, best client.Head, err error) {
	if best, err = x.BestBlock(ctx); err != nil {
		return anchor, best, err
	}
	if anchor, err = x.FinalizedBlock(ctx); err != nil || anchor.Slot+builder.Near >= best.Slot {
		return anchor, best, err
	}
	if anchor, err = x.Parent(ctx, best.Hash); err != nil || anchor.Slot+builder.Near >= best.Slot {
		return anchor, best, err
	}
	return best, best, nil
}

func (x *remote) submit(ctx context.Context, core protocol.Core, items ...builder.Item) (hash protocol.Hash, err error) {
	anchor, best, err := x.anchor(ctx)
	if err != nil {
		return hash, err
	}
	g := &builder.Ground{
		Params: x.params, Authorizer: x.authorizer,
		Context: block.RefinementContext{Anchor: anchor.Hash, LookupAnchor: anchor.Hash, LookupAnchorSlot: anchor.Slot},
		Account: func(id protocol.ServiceID) (*state.Account, bool, error) {
			a, err := x.account(ctx, id)
			if errors.Is(err, builder.ErrNoService) {
				return nil, false, nil
			}
			return a, err == nil, err
		},
	}
	if g.Context.AnchorStateRoot, err = x.StateRoot(ctx, anchor.Hash); err != nil {
		return hash, err
	}
	if g.Context.AnchorBeefyRoot, err = x.BeefyRoot(ctx, anchor.Hash); err != nil {
		return hash, err
	}
	token, err := newToken()
	if err != nil {
		return hash, err
	}
	b, err := g.Draft(token, items...)
	if err != nil {
		return hash, err
	}
	hash = b.Package.Hash()
	t := &builder.Track{Hash: hash, Core: core, Package: b.Package}
	x.tracks[hash] = t
	t.Reach(builder.Submitted, time.Now(), best.Slot)
	var extrinsics [][]byte
	for _, list := range b.Extrinsics {
		extrinsics = append(extrinsics, list...)
	}
	if err := x.SubmitWorkPackage(ctx, core, b.Package.AppendTo(nil), extrinsics); err != nil {
		return hash, err
	}
	t.Reach(builder.Authorized, time.Now(), best.Slot)
	return hash, nil
}

// remoteLook is how often the node is asked for its heads.
const remoteLook = 100 * time.Millisecond

func (x *remote) watch(ctx context.Context, hash protocol.Hash, until builder.Stage, p *stagePrinter) error {
	t := x.tracks[hash]
	if t == nil {
		t = &builder.Track{Hash: hash}
		x.tracks[hash] = t
	}
	var best, final client.Head
	for {
		if err := p.show(t); err != nil {
			return err
		}
		if t.Has(until) {
			return failure(t)
		}
		err := x.look(ctx, t, &best, &final)
		if err == nil && t.Package != nil && !t.Has(builder.Guaranteed) {
			err = x.late(ctx, t, best)
		}
		if err != nil {
			if ctx.Err() != nil {
				err = tooLong(ctx, until)
			}
			return err
		}
		if wait(ctx, remoteLook); ctx.Err() != nil {
			return tooLong(ctx, until)
		}
	}
}

// look looks whether the heads have moved, and if so how far the package has come.
func (x *remote) look(ctx context.Context, t *builder.Track, best, final *client.Head) error {
	now, err := x.BestBlock(ctx)
	if err != nil {
		return err
	}
	if now != *best {
		*best = now
		stage, report, err := x.stage(ctx, now, t.Hash)
		if err != nil {
			return err
		}
		if stage != builder.Submitted {
			t.Saw(stage, time.Now(), now.Slot, report)
		}
	}
	if !t.Has(builder.Accumulated) {
		return nil
	}
	now, err = x.FinalizedBlock(ctx)
	if err != nil || now == *final {
		return err
	}
	*final = now
	stage, _, err := x.stage(ctx, now, t.Hash)
	if stage == builder.Accumulated { // only audited blocks are voted for
		t.Reach(builder.Audited, time.Now(), now.Slot)
		t.Reach(builder.Final, time.Now(), now.Slot)
	}
	return err
}

// late says whether the chain has forgotten the block that a package stands on, so that it cannot be guaranteed any more.
func (x *remote) late(ctx context.Context, t *builder.Track, at client.Head) (err error) {
	c := &t.Package.Context
	if at.Slot < c.LookupAnchorSlot+protocol.Slot(x.params.RecentBlocks) {
		return nil
	}
	for range x.params.RecentBlocks {
		if at.Hash == c.Anchor {
			return nil
		}
		if at, err = x.Parent(ctx, at.Hash); err != nil {
			return err
		}
	}
	return builder.ErrLate
}

// stage asks how far a package has come after a block; Submitted if the state knows nothing of it.
func (x *remote) stage(ctx context.Context, at client.Head, hash protocol.Hash) (s builder.Stage, r *block.Report, err error) {
	name, blob, err := x.PackageStage(ctx, at.Hash, hash)
	if e, ok := errors.AsType[*rpc.Error](err); ok && e.Code == rpc.CodeMethod {
		return s, nil, errors.New("the node at --rpc does not tell what becomes of packages: look with --network or --chain")
	}
	if err != nil || name == "" {
		return s, nil, err
	}
	if s, err = parseStage(name); err == nil && blob != nil {
		r, err = block.DecodeReport(blob, x.params)
	}
	return s, r, err
}
