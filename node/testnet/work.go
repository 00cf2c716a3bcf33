package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"damson/node"
	"damson/node/builder"
	"damson/node/host"
	"damson/node/load"
	"damson/node/loop"
)

// Work is a load on a network: packages for every core, from a builder.
type Work struct {
	Options load.Options // Builder is set here

	host *host.Host
	load *load.Load
}

// startWork starts the builder: a node of its own, connected with the validators as builders are.
func (n *Net) startWork(ctx context.Context) error {
	if n.Work == nil {
		return nil
	}
	o := builder.NodeOptions{Spec: n.Spec, Setup: n.setup, Engine: n.Engine, Slots: n.Slots}
	if n.Log != nil {
		o.Log = n.Log(len(n.members))
	}
	b, h, err := builder.Open(ctx, o)
	if err != nil {
		return err
	}
	n.Work.host, n.Work.Options.Builder = h, b
	h.Do(func(*node.Node) {
		n.Work.load = load.New(n.Work.Options)
		n.Work.load.Start()
	})
	return nil
}

// finishWork submits nothing more, and waits for what is on its way.
func (n *Net) finishWork(ctx context.Context) (s *load.Summary) {
	if n.Work == nil || n.Work.host == nil {
		return nil
	}
	n.Work.host.Do(func(*node.Node) { n.Work.load.Stop() })
	for i, settled := 0, false; i < 4*workSettling && !settled && ctx.Err() == nil; i++ {
		sleepUntil(ctx, time.Now().Add(n.Slot/4))
		n.Work.host.Do(func(*node.Node) { settled = n.Work.load.Settled() })
	}
	n.Work.host.Do(func(*node.Node) { s = n.Work.load.Summary() })
	return s
}

// workSettling is how many slots packages may still take at the end of a run.
const workSettling = 12

// stopWork ends the builder's node.
func (n *Net) stopWork() error {
	if n.Work == nil || n.Work.host == nil {
		return nil
	}
	h := n.Work.host
	n.Work.host = nil
	return h.Stop()
}

// Timing is what a node must know of a network beside its specification. It is in the network's folder, so that others can join.
type Timing struct {
	Slot string    `json:"slot"`
	Era  time.Time `json:"era"`
}

// timingName is what the file with it is called.
const timingName = "timing.json"

func (n *Net) writeTiming() error {
	text, err := json.Marshal(Timing{n.Slots.Duration.String(), n.Slots.Era})
	if err != nil {
		return fmt.Errorf("testnet: %w", err)
	}
	if err := os.WriteFile(filepath.Join(n.Dir, timingName), text, 0o600); err != nil {
		return fmt.Errorf("testnet: %w", err)
	}
	return nil
}

// ReadTiming reads the timing of the network that runs in a folder, and where its specification is.
func ReadTiming(dir string) (spec string, slots loop.Slots, err error) {
	text, err := os.ReadFile(filepath.Join(dir, timingName))
	if err != nil {
		return "", slots, fmt.Errorf("testnet: %w", err)
	}
	var t Timing
	if err = json.Unmarshal(text, &t); err == nil {
		slots.Duration, err = time.ParseDuration(t.Slot)
	}
	if err != nil || slots.Duration <= 0 {
		return "", slots, fmt.Errorf("testnet: %s is not of a network: %w", timingName, err)
	}
	slots.Era = t.Era
	return filepath.Join(dir, "chain.json"), slots, nil
}
