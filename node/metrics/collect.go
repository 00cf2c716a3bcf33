package metrics

import (
	"damson/node"
	"damson/node/pool"
	"damson/state/store"

	"github.com/prometheus/client_golang/prometheus"
)

// figures are what the loop tells.
type figures struct {
	node.Status
	pool  pool.Sizes
	store *store.Store
	slots float64 // seconds of a slot

	duties map[string]float64 // what validators do, by name
}

func figuresOf(n *node.Node) *figures {
	f := &figures{
		Status: n.Status(), pool: n.Pool.Sizes(), store: n.Store, slots: n.Slots.Duration.Seconds(), duties: make(map[string]float64),
	}
	if n.Guarantor != nil {
		c := n.Guarantor.Counts()
		f.duties["packages_admitted"], f.duties["packages_refined"] = float64(c.Admitted), float64(c.Refined)
		f.duties["packages_refused"], f.duties["packages_dropped"] = float64(c.Refused), float64(c.Dropped)
		f.duties["reports_signed"], f.duties["reports_guaranteed"] = float64(c.Signed), float64(c.Guaranteed)
	}
	if n.Keeper != nil {
		c := n.Keeper.Counts()
		f.duties["shards_kept"], f.duties["assurances_made"], f.duties["shards_served"] = float64(c.Shards), float64(c.Assurances), float64(c.Served)
	}
	if n.Auditor != nil {
		c := n.Auditor.Counts()
		f.duties["audits_announced"], f.duties["judgments_valid"] = float64(c.Announced), float64(c.Valid)
		f.duties["judgments_invalid"], f.duties["audit_no_shows"] = float64(c.Invalid), float64(c.NoShows)
	}
	return f
}

// metric is a figure that is read when it is asked for.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// described are all that collector gives, for Describe.
var described []*prometheus.Desc

func newMetric(kind prometheus.ValueType, name, help string, labels ...string) metric {
	m := metric{prometheus.NewDesc("damson_"+name, help, labels, nil), kind}
	described = append(described, m.desc)
	return m
}

func gauge(name, help string, labels ...string) metric {
	return newMetric(prometheus.GaugeValue, name, help, labels...)
}

func counter(name, help string, labels ...string) metric {
	return newMetric(prometheus.CounterValue, name, help, labels...)
}

var (
	up        = gauge("up", "One if the node's loop answers.")
	broken    = gauge("store_broken", "One if the store takes no more blocks.")
	slot      = gauge("slot", "The slot of now, by this node's clock.")
	slotTime  = gauge("slot_seconds", "How long a slot lasts.")
	best      = gauge("best_slot", "Slot of the best block.")
	finalized = gauge("finalized_slot", "Slot of the finalized block.")
	lag       = gauge("finality_lag_slots", "Slots from the finalized block to the best one.")
	height    = gauge("best_height", "Blocks from the first that the store had to the best one.")
	leaves    = gauge("leaves", "Ends of the tree of blocks that are not final.")
	round     = gauge("grandpa_round", "Round of GRANDPA.")
	syncing   = gauge("syncing", "One while the node catches up.")
	peers     = gauge("peers", "Peers that are connected.")
	blocks    = counter("blocks_total", "Blocks that were imported, authored here, finalized, or refused.", "what")
	forks     = counter("equivocations_total", "Second blocks of an author in a slot.")
	reorgs    = counter("reorgs_total", "Moves of the best block to another fork.")
	tickets   = counter("tickets_made_total", "Tickets made here.")
	pooled    = gauge("pool_items", "What waits to be put into a block.", "kind")
	poolBytes = gauge("pool_preimage_bytes", "Octets of the preimages in the pool.")
	checking  = gauge("pool_checking", "Items of the pool that are being checked.")
	duties    = counter("duties_total", "What the node has done as a validator.", "what")

	disk      = gauge("store_disk_bytes", "Octets of the store on disk.")
	cached    = gauge("store_cache_bytes", "Octets of memory for what is read of the store.", "cache")
	hits      = counter("store_reads_total", "Reads of the database, by whether memory had it.", "found")
	compacted = counter("store_compactions_total", "Times that the database has tidied up its files.")

	compiled     = counter("programs_compiled_total", "Programs that the recompiler has compiled.")
	programs     = gauge("programs_cached", "Compiled programs that are kept.")
	programBytes = gauge("programs_cached_bytes", "Octets of the compiled programs that are kept.")

	requests      = counter("rpc_requests_total", "Requests by RPC, by what came of them.", "result")
	turnedAway    = counter("rpc_refused_total", "Clients of the RPC that were turned away.")
	working       = counter("rpc_seconds_total", "Time spent on answers to requests.")
	notifications = counter("rpc_notifications_total", "What subscribers were told.")
	slow          = counter("rpc_slow_subscriptions_total", "Subscriptions that ended since the client did not read.")
	sockets       = gauge("rpc_sockets", "Connections by WebSocket.")
	subscriptions = gauge("rpc_subscriptions", "Subscriptions.")
)

// collector reads figures that others count.
type collector struct{ metrics *Metrics }

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range described {
		to <- d
	}
}

// sink is where values go.
type sink chan<- prometheus.Metric

func (s sink) put(m metric, value float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := sink(to)
	f := c.metrics.read()
	s.put(up, flag(f != nil))
	if f != nil {
		f.collect(s)
		f.collectStore(s)
	}
	if c.metrics.opts.Programs != nil {
		p := c.metrics.opts.Programs()
		s.put(compiled, float64(p.Compiled))
		s.put(programs, float64(p.Cached))
		s.put(programBytes, float64(p.Bytes))
	}
	if c.metrics.opts.RPC != nil {
		r := c.metrics.opts.RPC()
		s.put(requests, float64(r.Requests-r.Errors), "answer")
		s.put(requests, float64(r.Errors), "error")
		s.put(turnedAway, float64(r.Refused))
		s.put(working, r.Working.Seconds())
		s.put(notifications, float64(r.Notifications))
		s.put(slow, float64(r.SlowSubscriptions))
		s.put(sockets, float64(r.Sockets))
		s.put(subscriptions, float64(r.Subscriptions))
	}
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (f *figures) collect(s sink) {
	s.put(slot, float64(f.Slot))
	s.put(slotTime, f.slots)
	s.put(best, float64(f.Best.Slot))
	s.put(finalized, float64(f.Finalized.Slot))
	s.put(lag, float64(f.Best.Slot)-float64(f.Finalized.Slot))
	s.put(height, float64(f.Best.Height))
	s.put(leaves, float64(f.Leaves))
	s.put(round, float64(f.Round))
	s.put(syncing, flag(f.Syncing))
	s.put(peers, float64(f.Peers))
	s.put(blocks, float64(f.Imported), "imported")
	s.put(blocks, float64(f.Authored), "authored")
	s.put(blocks, float64(f.Counts.Finalized), "finalized")
	s.put(blocks, float64(f.Refused), "refused")
	s.put(forks, float64(f.Equivocations))
	s.put(reorgs, float64(f.Reorgs))
	s.put(tickets, float64(f.Counts.Tickets))
	for kind, n := range map[string]int{
		"tickets": f.pool.Tickets, "assurances": f.pool.Assurances, "guarantees": f.pool.Guarantees, "preimages": f.pool.Preimages,
		"judgments": f.pool.Judgments,
	} {
		s.put(pooled, float64(n), kind)
	}
	s.put(poolBytes, float64(f.pool.PreimageBytes))
	s.put(checking, float64(f.pool.Checking))
	for what, n := range f.duties {
		s.put(duties, n, what)
	}
}

func (f *figures) collectStore(s sink) {
	sizes := f.store.Sizes()
	s.put(broken, flag(f.store.Err() != nil))
	s.put(disk, float64(sizes.Disk))
	s.put(cached, float64(sizes.Cached), "states")
	s.put(cached, float64(sizes.Pages), "pages")
	s.put(hits, float64(sizes.Hits), "memory")
	s.put(hits, float64(sizes.Misses), "disk")
	s.put(compacted, float64(sizes.Compacted))
}
