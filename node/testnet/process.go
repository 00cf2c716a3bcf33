package testnet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"damson/node/host"
	"damson/node/loop"
)

// Process is a `damson run` that runs.
type Process interface {
	Drain() error        // asks it to end in order
	Kill() error         // ends it at once
	Ended() <-chan error // gets how it ended, once
}

// process is a node in a process of its own.
type process struct {
	Process
	folder string
}

func (p *process) Report(since uint64) (*host.Report, error) {
	return host.Ask(p.folder, host.Question{Since: since})
}

// Patience with processes.
const (
	startPatience = time.Minute
	startLook     = 20 * time.Millisecond
	stopPatience  = 20 * time.Second
)

func (p *process) Stop() error {
	if err := p.Drain(); err != nil {
		return errors.Join(err, p.Process.Kill())
	}
	select {
	case err := <-p.Ended():
		return err
	case <-time.After(stopPatience):
		return errors.Join(errors.New("testnet: a node did not end when asked to"), p.Process.Kill())
	}
}

// Kill ends the process at once.
func (p *process) Kill() error {
	err := p.Process.Kill()
	<-p.Ended() //nolint:errcheck // it was killed
	return err
}

// startProcess starts a node and waits until it answers.
func (n *Net) startProcess(ctx context.Context, i int, more []string) (member, error) {
	if err := n.closeSocket(i); err != nil {
		return nil, err
	}
	arguments := []string{
		"--chain", n.SpecFile(), "--keys", n.keyDir(i), "--data-path", n.dir(i), "--listen", n.addresses[i].String(),
	}
	if n.Slot != loop.ProtocolSlot {
		arguments = append(arguments, "--slot-duration", n.Slot.String(), "--era", n.Slots.Era.UTC().Format(time.RFC3339Nano))
	}
	running, err := n.Command(ctx, i, append(arguments, more...)...)
	if err != nil {
		return nil, err
	}
	p := &process{running, n.dir(i)}
	if !n.waits() {
		return p, nil
	}
	for begun := time.Now(); time.Since(begun) < startPatience; time.Sleep(startLook) {
		if _, err := p.Report(0); err == nil {
			return p, nil
		}
		select {
		case err := <-p.Ended():
			return nil, errors.Join(fmt.Errorf("testnet: the node ended at once; its log is %s", filepath.Join(n.dir(i), "log")), err)
		default:
		}
	}
	return nil, errors.Join(errors.New("testnet: the node does not answer"), p.Kill())
}

// waits says whether to wait for a process: all of a network are started at once, and only later ones are waited for.
func (n *Net) waits() bool { return time.Now().After(n.Slots.Start(n.First)) }
