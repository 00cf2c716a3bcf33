package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"damson/internal/pvm"
	"damson/node/dashboard"
	"damson/node/host"
	"damson/node/importer"
	"damson/node/testnet"

	"github.com/spf13/cobra"
)

// makePage has a node noted that is about to be started, if a page is to show it.
func (s *served) makePage(o *host.Options) {
	f := s.flags
	switch {
	case f.network != nil && f.network.page != nil:
		s.record = f.network.records[f.index]
	case f.network == nil && f.dashboard != "":
		var err error
		if s.page, err = newPage(o.Engine, false); err != nil {
			s.log.Error("the dashboard cannot be made", "error", err)
			return
		}
		s.record = s.page.Add("node")
	default:
		return
	}
	s.record.Watch(o)
}

func newPage(e pvm.Engine, network bool) (*dashboard.Server, error) {
	o := dashboard.Options{Version: buildVersion(), Network: network}
	if programs := compiled(e); programs != nil {
		o.Programs = func() *dashboard.Programs {
			p := programs()
			return &dashboard.Programs{Compiled: p.Compiled, Cached: p.Cached, Bytes: p.Bytes}
		}
	}
	return dashboard.New(o)
}

// showPage shows a node that runs.
func (s *served) showPage(h *host.Host) error {
	if s.record == nil {
		return nil
	}
	s.record.Follow(h)
	if s.page == nil {
		return nil
	}
	l, err := dashboard.Listen(s.flags.dashboard, s.page)
	if err != nil {
		return withCode(exitNetwork, fmt.Errorf("--dashboard: %w", err))
	}
	s.closers = append(s.closers, l.Close)
	s.log.Info("the dashboard is open", "at", l.URL())
	return nil
}

// observeBoth has two told of the stages of importing; the first may be nil.
func observeBoth(a, b func(importer.Stage, time.Duration)) func(importer.Stage, time.Duration) {
	if a == nil {
		return b
	}
	return func(s importer.Stage, d time.Duration) {
		a(s, d)
		b(s, d)
	}
}

// networkPage is what a network has of one page, and of the ports of its nodes.
type networkPage struct {
	page     *dashboard.Server // nil: nobody wants it
	records  []*dashboard.Record
	listener *dashboard.Listener
	mu       sync.Mutex
	open     map[int]string // where nodes answer requests
}

// openPage opens the page of a network that is about to be made. If the usual port is taken it has another.
func (f *testnetFlags) openPage(cmd *cobra.Command, o *testnet.Options) (err error) {
	n := &networkPage{open: make(map[int]string)}
	f.serve.network = n
	if f.serve.dashboard == "" {
		return nil
	}
	if n.page, err = newPage(o.Engine, true); err != nil {
		return err
	}
	for i := range o.Params.Validators {
		name := "Node " + strconv.Itoa(i)
		if f.separate {
			n.page.AddRemote(name, n.socket(o.Dir, i))
		} else {
			n.records = append(n.records, n.page.Add(name))
		}
	}
	n.listener, err = dashboard.Listen(f.serve.dashboard, n.page)
	if err != nil && !cmd.Flags().Changed("dashboard") {
		n.listener, err = dashboard.Listen("127.0.0.1:0", n.page)
	}
	if err != nil {
		return withCode(exitNetwork, fmt.Errorf("--dashboard: %w", err))
	}
	return nil
}

// socket is where a node that is a process shows itself to the page of the network; empty if there is none.
func (n *networkPage) socket(dir string, validator int) string {
	if n == nil || n.page == nil {
		return ""
	}
	return dashboard.Socket(filepath.Join(dir, "node"+strconv.Itoa(validator), "dashboard.sock"))
}

// answers notes where a node answers requests.
func (n *networkPage) answers(validator int, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[validator] = address
}

func (n *networkPage) close() error {
	if n.listener == nil {
		return nil
	}
	return n.listener.Close()
}

// showAddresses says where to look at a network and where to ask it.
func (f *serveFlags) showAddresses(out io.Writer, nodes int, separate bool) {
	if f.network.listener != nil {
		fmt.Fprintf(out, "Dashboard  %s\n", f.network.listener.URL())
	}
	f.network.mu.Lock()
	open := maps.Clone(f.network.open)
	f.network.mu.Unlock()
	for i := range nodes {
		one := f.of(i)
		if separate && f.port != 0 { // a process that finds its port taken says so itself
			open[i] = net.JoinHostPort(one.host, strconv.Itoa(int(one.port)))
		}
		if open[i] == "" && one.metrics == "" {
			continue
		}
		fmt.Fprintf(out, "Node %d    ", i)
		if open[i] != "" {
			fmt.Fprintf(out, " ws://%s/", open[i])
		}
		if one.metrics != "" {
			fmt.Fprintf(out, "   http://%s/metrics", one.metrics)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}
