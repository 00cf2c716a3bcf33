package host

import (
	"damson/internal/protocol"
	"damson/net/quic"
	"damson/node"
	"damson/node/guarantor"
	"damson/node/telemetry"
)

// observe has what the node does told, if somebody wants to know. It comes before the node is made, tell after it.
func (h *Host) observe(n *node.Options) {
	if h.probe == nil {
		return
	}
	n.Network = h.probe.Between(n.Network)
	n.Observe = node.Observe{Executing: h.probe.Executing, Author: h.probe.Author(), Guarantor: h.probe.Guarantor()}
	stage := n.Events.Stage
	n.Events.Stage = func(hash protocol.Hash, s guarantor.Stage, err error) {
		h.probe.Stage(hash, s, err)
		if stage != nil {
			stage(hash, s, err)
		}
	}
}

// newProbe makes what tells of the node.
func (h *Host) newProbe(o *Options) {
	if o.Telemetry == nil {
		return
	}
	t := *o.Telemetry
	genesis, key := o.Spec.HeaderHash(), o.key()
	t.Node.Params, t.Node.Genesis, t.Node.Peer = o.Spec.Params, telemetry.Hash(genesis), telemetry.Peer(key.Public())
	t.Node.GrayPaper = protocol.GrayPaper
	if t.Log == nil {
		t.Log = o.Log
	}
	h.probe = telemetry.NewProbe(telemetry.New(t), o.Spec.Params, h.loop)
}

// connections gives what the network is to tell.
func (h *Host) connections() quic.Watch {
	if h.probe == nil {
		return quic.Watch{}
	}
	return h.probe.Watch()
}

// tell begins to tell of the node.
func (h *Host) tell() {
	if h.probe != nil {
		h.probe.Follow(h.node)
		h.probe.Start(h.Address)
	}
}

// Telemetry gives what has become of the events that the node tells; none if nobody is told.
func (h *Host) Telemetry() (c telemetry.Counts) {
	if h.probe != nil {
		c = h.probe.Counts()
	}
	return c
}
