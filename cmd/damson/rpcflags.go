package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"damson/internal/pvm"
	"damson/jit"
	"damson/node/dashboard"
	"damson/node/host"
	"damson/node/metrics"
	"damson/node/rpc"
	"damson/node/testnet"

	"github.com/spf13/cobra"
)

// rpcPort is where nodes answer: JIP-2.
const rpcPort = 19800

// serveFlags are what nodes can be told of whom they answer besides their peers: clients of the RPC, and Prometheus.
type serveFlags struct {
	host        string
	port        uint16
	cors, hosts []string
	unsafe      bool
	metrics     string
	dashboard   string

	network *networkPage // nil: not in a network
	index   int          // in the network
	asked   bool         // the port was given
}

// registerPort has a network's flag for the first of its nodes' ports.
func (f *serveFlags) registerPort(cmd *cobra.Command) {
	f.host = "127.0.0.1"
	cmd.Flags().Uint16Var(&f.port, "rpc-port", rpcPort,
		"TCP `PORT` for requests to node 0 (JIP-2, docs/RPC.md); node 1 has the next, and so on; 0 means none")
	cmd.Flags().StringVar(&f.metrics, "metrics", "", "`IP:PORT` at which Prometheus finds /metrics of node 0; node 1 has the next port, and so on")
	cmd.Flags().StringVar(&f.dashboard, "dashboard", dashboard.DefaultAddress,
		"`IP:PORT`, of this machine's loopback, of a web page that shows the network (docs/DASHBOARD.md); none without")
}

// of gives the flags for a node of a network.
func (f *serveFlags) of(validator int) *serveFlags {
	one := *f
	one.index = validator
	if f.port != 0 {
		one.port += uint16(validator)
	}
	if at, err := netip.ParseAddrPort(f.metrics); err == nil && at.Port() != 0 {
		one.metrics = netip.AddrPortFrom(at.Addr(), at.Port()+uint16(validator)).String()
	}
	return &one
}

// attendant answers for a node of a network. If the usual port is taken it has another.
type attendant struct{ *served }

func (a attendant) Started(h *host.Host) error { return a.start(h, a.flags.asked) }
func (a attendant) Close() error               { return a.close() }

func (f *serveFlags) attend(validator int, o *host.Options) testnet.Attendant {
	return attendant{f.of(validator).serve(o)}
}

func (f *serveFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Uint16Var(&f.port, "rpc-port", rpcPort, "TCP `PORT` for requests (JIP-2, docs/RPC.md); 0 means none. If the usual one is taken the node does without")
	flags.StringVar(&f.host, "rpc-host", "127.0.0.1", "`IP` at which requests are answered")
	flags.StringArrayVar(&f.cors, "rpc-cors", nil, "`ORIGIN` whose pages may ask from a browser, as https://example.org; * means all")
	flags.StringArrayVar(&f.hosts, "rpc-hosts", nil, "`NAME` by which the node may be asked, besides localhost and addresses")
	flags.BoolVar(&f.unsafe, "rpc-unsafe", false, "let everybody submit packages and preimages who may ask, and not only this machine")
	flags.StringVar(&f.metrics, "metrics", "", "`IP:PORT` at which Prometheus finds /metrics")
	flags.StringVar(&f.dashboard, "dashboard", "", "`IP:PORT`, of this machine's loopback, of a web page that shows the node (docs/DASHBOARD.md)")
}

// served is what answers for a node.
type served struct {
	flags   *serveFlags
	log     *slog.Logger
	figures *metrics.Metrics // nil: nobody wants them
	server  *rpc.Server
	page    *dashboard.Server // nil: none of its own
	record  *dashboard.Record // nil: no page shows the node

	closers []func() error
}

// serve makes what answers for a node that is about to be started, and has it measured if that is wanted.
func (f *serveFlags) serve(o *host.Options) *served {
	s := &served{flags: f, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.makePage(o)
	if f.metrics == "" {
		return s
	}
	s.figures = metrics.New(metrics.Options{
		Log: o.Log, Version: buildVersion(), Programs: compiled(o.Engine), Hosts: f.hosts,
		RPC: func() rpc.Statistics {
			if s.server == nil {
				return rpc.Statistics{}
			}
			return s.server.Statistics()
		},
	})
	o.Observe = observeBoth(o.Observe, s.figures.Observe)
	return s
}

// compiled tells what the recompiler has compiled; nil without one.
func compiled(e pvm.Engine) func() metrics.Programs {
	counting, ok := e.(interface{ Stats() jit.Stats })
	if !ok {
		return nil
	}
	return func() metrics.Programs {
		stats := counting.Stats()
		return metrics.Programs{Compiled: stats.Compiled, Cached: stats.Programs, Bytes: stats.Bytes}
	}
}

// start answers for a node that runs. A port that was asked for must be had; the usual one need not.
func (s *served) start(h *host.Host, asked bool) error {
	if s.flags.port != 0 {
		if err := s.answer(h); err != nil {
			if asked {
				return withCode(exitNetwork, fmt.Errorf("--rpc-port: %w", err))
			}
			s.log.Warn("the node answers no requests: the port for them cannot be had", "port", s.flags.port, "error", err)
		}
	}
	if err := s.showPage(h); err != nil {
		return err
	}
	if s.figures == nil {
		return nil
	}
	socket, err := net.Listen("tcp", s.flags.metrics)
	if err != nil {
		return withCode(exitNetwork, fmt.Errorf("--metrics: %w", err))
	}
	s.figures.Follow(h)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.figures.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket) }()
	s.closers = append(s.closers, func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	})
	s.log.Info("figures for Prometheus", "at", "http://"+socket.Addr().String()+"/metrics")
	return nil
}

func (s *served) answer(h *host.Host) error {
	f := s.flags
	socket, err := net.Listen("tcp", net.JoinHostPort(f.host, strconv.Itoa(int(f.port))))
	if err != nil && f.network != nil && !f.asked {
		socket, err = net.Listen("tcp", net.JoinHostPort(f.host, "0"))
	}
	if err != nil {
		return err
	}
	s.server, err = rpc.New(rpc.Options{Node: h, Log: s.log, Origins: f.cors, Hosts: f.hosts, Unsafe: f.unsafe})
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	listener := rpc.Serve(socket, s.server)
	s.closers = append(s.closers, listener.Close)
	if f.network != nil {
		f.network.answers(f.index, listener.Address.String())
	}
	s.log.Info("requests are answered", "at", "ws://"+listener.Address.String()+"/", "docs", "http://"+listener.Address.String()+"/docs")
	if f.unsafe {
		s.log.Warn("--rpc-unsafe: whoever reaches the port may submit packages and preimages")
	}
	return nil
}

// close ends all of it. The node must still run, or have been stopped.
func (s *served) close() error {
	var errs []error
	if s.record != nil {
		s.record.Leave()
	}
	for _, end := range s.closers {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}
