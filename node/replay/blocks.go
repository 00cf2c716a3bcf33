package replay

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"damson/internal/archive"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/importer"
	"damson/node/trace"
)

// Genesis begins a chain with what a genesis file holds. Files given to Blocks after it go on from there.
func (r *Replay) Genesis(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	r.chain = importer.NewStoredChain(r.opts.Importer, r.opts.Store)
	return r.genesis(path, data)
}

func (r *Replay) genesis(path string, data []byte) error {
	g, err := trace.DecodeGenesis(data, r.opts.Params)
	if err != nil {
		return fileError(path, err)
	}
	s, err := g.State.State(r.opts.Params)
	if err != nil {
		return fileError(path, err)
	}
	slot, err := s.Slot()
	if err != nil {
		return fileError(path, err)
	}
	if old, err := r.beforeKept(slot, g.Header.Hash()); old || err != nil {
		return err
	}
	return r.chain.Put(g.Header.Hash(), s)
}

// Blocks imports the blocks that stand one after another in a file, or in the members of an archive. All must be good.
func (r *Replay) Blocks(path string) error {
	if archive.Is(path) {
		return archive.Read(path, func(name string, data []byte) error { return r.blocks(path+":"+name, data) })
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return fmt.Errorf("%s: offset 0: block: %w", path, codec.ErrShort)
	}
	return r.blocks(path, data)
}

func (r *Replay) blocks(path string, data []byte) error {
	d := codec.NewDecoder(data)
	for n := 1; len(d.Rest()) > 0; n++ {
		if r.opts.Progress != nil {
			r.opts.Progress(path)
		}
		before := d.Rest()
		var v block.View
		if v.DecodeFrom(&d, r.opts.Params); d.Err() != nil {
			return fileError(path, d.Err())
		}
		old, err := r.passed(&v)
		if err != nil {
			return err
		}
		if old {
			r.summary.Passed++
			continue
		}
		_, err = r.take(before[:len(before)-len(d.Rest())])
		if err == nil {
			r.summary.Imported++
			continue
		}
		why := fmt.Sprintf("this node failed: %v", err)
		if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
			why = fmt.Sprintf("refused: %v", err)
		}
		r.fail(path, fmt.Sprintf("%s, block %d", filepath.Base(path), n), why)
	}
	return nil
}
