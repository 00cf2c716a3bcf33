package quic

import (
	"bytes"
	"slices"
	"time"

	"damson/net/jamnp"
)

// Traffic is what has gone over the connection with a peer since it was made.
type Traffic struct {
	jamnp.Peer
	Since                time.Time
	Sent, Received, Lost uint64        // octets, those of QUIC included
	RTT                  time.Duration // smoothed
}

// Traffic tells of all peers, by ascending ID.
func (n *Network) Traffic() []Traffic {
	all := make([]Traffic, 0, len(n.peers))
	for _, c := range n.peers {
		s := c.quic.ConnectionStats()
		all = append(all, Traffic{
			Peer: c.Peer, Since: c.since, Sent: s.BytesSent, Received: s.BytesReceived, Lost: s.BytesLost, RTT: s.SmoothedRTT,
		})
	}
	slices.SortFunc(all, func(a, b Traffic) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return all
}
