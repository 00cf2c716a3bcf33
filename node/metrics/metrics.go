// Package metrics shows a node's figures to Prometheus: what it has imported and how long each stage took, peers, pools, the
// store and its caches, compiled programs, gas, how far finality is behind, requests and duties.
//
// metrics.go makes them, collect.go reads those that the node and its parts count themselves, when they are asked for.
// docs/deploy/grafana.json is a dashboard of them. Nothing here keeps the node's loop waiting.
package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"damson/node"
	"damson/node/chain"
	"damson/node/importer"
	"damson/node/rpc"
	"damson/state"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Node is what figures are read from: a host.Host.
type Node interface {
	Do(do func(*node.Node)) bool
}

// Programs are what the engine has compiled.
type Programs struct {
	Compiled uint64 // since the beginning
	Cached   int
	Bytes    int64 // of those that are cached
}

// Options configures New. All is optional.
type Options struct {
	Log      *slog.Logger
	Version  string                // of the program
	Programs func() Programs       // of the recompiler
	RPC      func() rpc.Statistics // of the server
	Hosts    []string              // names by which the node may be asked, besides localhost and addresses
}

// Metrics are a node's figures. Make them before the node, which is to be told of Observe, and Follow it when it is there.
type Metrics struct {
	opts     Options
	log      *slog.Logger
	registry *prometheus.Registry
	stages   []prometheus.Observer // by importer.Stage
	gas      *prometheus.CounterVec
	work     *prometheus.CounterVec
	delay    prometheus.Histogram

	node atomic.Pointer[Node]
	mu   sync.Mutex // guards what follows: one reading at a time
	ask  *reading
}

// buckets of times, in seconds: from a tenth of a millisecond to a slot.
var buckets = []float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 6}

// New makes figures of no node yet.
func New(o Options) *Metrics {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Metrics{opts: o, log: o.Log, registry: prometheus.NewRegistry()}
	stages := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "damson_import_stage_seconds", Help: "Time that a stage of importing a block took.", Buckets: buckets,
	}, []string{"stage"})
	for _, s := range importer.Stages() {
		m.stages = append(m.stages, stages.WithLabelValues(s.String()))
	}
	m.gas = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "damson_gas_total", Help: "Gas that imported blocks account for: used by accumulation, or reported of refinement.",
	}, []string{"kind"})
	m.work = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "damson_digests_total", Help: "Work digests in imported blocks.",
	}, []string{"kind"})
	for _, kind := range []string{kindAccumulate, kindRefine} {
		m.gas.WithLabelValues(kind)
		m.work.WithLabelValues(kind)
	}
	m.delay = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "damson_block_delay_seconds", Help: "Time from the beginning of a block's slot until it was imported, while not catching up.",
		Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 12, 30},
	})
	version := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "damson_build_info", Help: "One, with the program's version.", ConstLabels: prometheus.Labels{"version": o.Version},
	})
	version.Set(1)
	m.registry.MustRegister(stages, m.gas, m.work, m.delay, version, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{m})
	return m
}

const (
	kindAccumulate = "accumulate"
	kindRefine     = "refine"
)

// Observe is for host.Options: it hears how long a stage took.
func (m *Metrics) Observe(s importer.Stage, d time.Duration) { m.stages[s].Observe(d.Seconds()) }

// Follow reads a node from now on. It reports false if the node has stopped.
func (m *Metrics) Follow(n Node) bool {
	ok := n.Do(func(n *node.Node) {
		n.Chain.Watch(chain.Events{Imported: func(b *chain.Block) { m.imported(n, b) }})
	})
	m.node.Store(&n)
	return ok
}

// imported counts what a block's statistics say, on the loop.
func (m *Metrics) imported(n *node.Node, b *chain.Block) {
	if !n.Gossip.Syncing() {
		m.delay.Observe(max(0, n.Loop.Now().Sub(n.Slots.Start(b.Slot)).Seconds()))
	}
	activity, err := b.State.Activity()
	if err != nil {
		m.log.Warn("the statistics of a block cannot be read", "block", b.Hash, "error", err)
		return
	}
	accumulated, refined := used(activity.Services)
	m.gas.WithLabelValues(kindAccumulate).Add(accumulated.gas)
	m.work.WithLabelValues(kindAccumulate).Add(accumulated.digests)
	m.gas.WithLabelValues(kindRefine).Add(refined.gas)
	m.work.WithLabelValues(kindRefine).Add(refined.digests)
}

type usage struct{ gas, digests float64 }

// used sums up what was done for services in a block. GP eq:activityspec.
func used(services []state.ServiceActivity) (accumulated, refined usage) {
	for i := range services {
		s := &services[i]
		accumulated.gas += float64(s.AccumulationGas)
		accumulated.digests += float64(s.Accumulations)
		refined.gas += float64(s.RefinementGas)
		refined.digests += float64(s.Refinements)
	}
	return accumulated, refined
}

// Handler serves the figures, to whoever asks for them by a name that is known: as requests by RPC are, against DNS rebinding.
func (m *Metrics) Handler() http.Handler {
	figures := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn),
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rpc.KnownHost(r.Host, m.opts.Hosts) {
			http.Error(w, "the node is not known by this name (see --rpc-hosts)", http.StatusForbidden)
			return
		}
		figures.ServeHTTP(w, r)
	})
}

// patience is how long the loop may take to answer; a node that does not is shown as down.
const patience = 2 * time.Second

// reading is what is asked of the loop, once at a time.
type reading struct {
	done    chan struct{}
	figures *figures // nil: the node has stopped
}

// read gives what only the loop can tell; nil if it does not.
func (m *Metrics) read() *figures {
	n := m.node.Load()
	if n == nil {
		return nil
	}
	m.mu.Lock()
	r := m.ask
	if r == nil {
		r = &reading{done: make(chan struct{})}
		m.ask = r
		go func() { // it ends when the loop answers, or has stopped
			defer close(r.done)
			(*n).Do(func(n *node.Node) { r.figures = figuresOf(n) })
			m.mu.Lock()
			m.ask = nil
			m.mu.Unlock()
		}()
	}
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-r.done:
		return r.figures
	case <-ctx.Done():
		return nil
	}
}
