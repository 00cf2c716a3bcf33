package simnet

import "damson/net/jamnp"

// Count counts messages and their octets.
type Count struct{ Messages, Octets uint64 }

// Stats is what a node sent and received, in all its lives.
type Stats struct {
	Rejected int // CE streams
	Blame    int // points given
	out, in  [kinds]Count
}

// kinds is how many kinds of streams are told apart: eight UP kinds, and those of CE streams from 128 on.
const kinds = 8 + 32

func slotOf(kind jamnp.Kind) int {
	if kind.UniquePersistent() {
		return int(kind) % 8
	}
	return 8 + int(kind-jamnp.BlockRequest)%32
}

func (s *Stats) sent(kind jamnp.Kind, octets int) {
	c := &s.out[slotOf(kind)]
	c.Messages++
	c.Octets += uint64(octets)
}

func (s *Stats) received(kind jamnp.Kind, octets int) {
	c := &s.in[slotOf(kind)]
	c.Messages++
	c.Octets += uint64(octets)
}

// Sent gives what was sent on streams of a kind.
func (s *Stats) Sent(kind jamnp.Kind) Count { return s.out[slotOf(kind)] }

// Received gives what was received on streams of a kind.
func (s *Stats) Received(kind jamnp.Kind) Count { return s.in[slotOf(kind)] }

// Total sums a direction over all kinds.
func (s *Stats) Total() (sent, received Count) {
	for i := range kinds {
		sent.Messages += s.out[i].Messages
		sent.Octets += s.out[i].Octets
		received.Messages += s.in[i].Messages
		received.Octets += s.in[i].Octets
	}
	return sent, received
}

// Stats gives what the node sent and received until now.
func (n *Node) Stats() *Stats { return &n.stats }

// Stats gives the figures of a node; nil if there is no such node.
func (net *Net) Stats(id jamnp.PeerID) *Stats {
	if n := net.nodes[id]; n != nil {
		return &n.stats
	}
	return nil
}
