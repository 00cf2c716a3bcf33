package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node"
	"damson/node/guarantor"
	"damson/node/roster"
	"damson/state/store"
)

// submissionOctets bounds a message that submits a work package: the package and its extrinsics in base64, and what is around.
func submissionOctets(p *protocol.Params) int {
	return (bundle.MaxPackageOctets(p)+p.MaxPackageExtrinsics*8)/3*4 + 64<<10
}

func (s *Server) submitWorkPackage(c *call) (result, *Error) {
	core, pkg, extrinsics := protocol.Core(c.args.number()), c.args.blob(1), c.args.blobs(2)
	if int(core) >= s.params.Cores {
		return nil, errorf(CodeParams, "argument 0, core: the chain has %d cores", s.params.Cores)
	}
	w, err := block.DecodeWorkPackage(pkg, s.params)
	if err == nil {
		err = bundle.Check(w, s.params)
	}
	if err == nil {
		err = fits(w, extrinsics)
	}
	if err != nil {
		return nil, refusal(CodeParams, fmt.Errorf("argument 1, package: %w", err))
	}
	return s.submitting(c, func(n *node.Node, done func(error)) {
		if s.opts.Packages != nil {
			s.opts.Packages.SubmitPackage(core, pkg, extrinsics, done)
			return
		}
		s.send(n, core, w, extrinsics, done)
	})
}

// sendTime is how long each guarantor may take to take a package, at slots of six seconds; in shorter slots at least leastTime.
const (
	sendTime  = 6 * time.Second
	leastTime = time.Second
)

// send sends a package to the guarantors of a core, on the node's loop.
func (s *Server) send(n *node.Node, core protocol.Core, w *block.WorkPackage, extrinsics [][]byte, done func(error)) {
	best := n.Chain.Best()
	duties, err := roster.At(n.Params, best.State, max(n.Slots.At(n.Loop.Now()), best.Slot))
	if err != nil {
		done(err)
		return
	}
	b := bundle.New(w)
	for i := range w.Items {
		count := len(w.Items[i].Extrinsics)
		b.Extrinsics[i], extrinsics = extrinsics[:count], extrinsics[count:]
	}
	guarantor.Submit(n.Network, n.Rand, duties, core, b, nil, max(n.Slots.Scale(sendTime), leastTime), func(_ jamnp.PeerID, err error) {
		done(err)
	})
}

// fits tells whether the extrinsics are as many and as long as the package's items say. Their hashes are the guarantor's to check.
func fits(w *block.WorkPackage, extrinsics [][]byte) error {
	i := 0
	for _, item := range w.Items {
		for _, want := range item.Extrinsics {
			if i < len(extrinsics) && uint64(len(extrinsics[i])) != uint64(want.Length) {
				return fmt.Errorf("extrinsic %d has %d octets, not %d: %w", i, len(extrinsics[i]), want.Length, bundle.ErrExtrinsic)
			}
			i++
		}
	}
	if i != len(extrinsics) {
		return fmt.Errorf("%d extrinsics, not %d: %w", len(extrinsics), i, bundle.ErrExtrinsic)
	}
	return nil
}

func (s *Server) submitPreimage(c *call) (result, *Error) {
	service, blob, anchor := c.args.service(), c.args.blob(1), c.args.hash(2)
	e, failed := s.entry(anchor)
	if failed != nil {
		return nil, failed
	}
	best := s.follower.head(false)
	if e != nil {
		ok, err := s.store.Ancestor(best.hash, anchor, e.Slot)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, s.failed(err)
		}
		if !ok {
			e = nil
		}
	}
	if e == nil {
		return nil, errorf(CodeRefused, "the block is not in the best chain")
	}
	return s.submitting(c, func(n *node.Node, done func(error)) {
		n.Preimages.Provide(service, blob, done)
	})
}

// submitting hands something to the node on its loop, and waits for what becomes of it.
func (s *Server) submitting(c *call, hand func(*node.Node, func(error))) (result, *Error) {
	ctx, cancel := context.WithTimeout(c.ctx, s.limits.Submission)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	settled := make(chan error, 1)
	if !s.opts.Node.Do(func(n *node.Node) {
		hand(n, func(err error) {
			select {
			case settled <- err:
			default:
			}
		})
	}) {
		return nil, errorf(CodeInternal, "the node has stopped")
	}
	select {
	case err := <-settled:
		if errors.Is(err, guarantor.ErrNobody) {
			return nil, errorf(CodeUnavailable, "%v", err)
		}
		if err != nil {
			return nil, refusal(CodeRefused, err)
		}
		return result{}, nil
	case <-ctx.Done():
		return nil, errorf(CodeBusy, "nobody has taken it in time: it may be taken yet")
	}
}

// refusal tells which rule was broken, by its name.
func refusal(code Code, err error) *Error {
	e := errorf(code, "%v", err)
	if rule, ok := errors.AsType[protocol.Invalid](err); ok {
		e.Data = string(rule)
	}
	return e
}
