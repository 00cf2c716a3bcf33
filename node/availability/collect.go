package availability

import (
	"errors"

	"damson/internal/erasure"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/availability/shelf"
)

// ErrTooFew means that too few others give their shards.
var ErrTooFew = errors.New("availability: too few shards are given")

// collection gets shards with different indices from those who hold them, until there are enough.
type collection struct {
	k      *Keeper
	report *shelf.Report
	order  []jamnp.PeerID // whom to ask, each with the shard of its place
	shards []int
	flying int
	got    []erasure.Shard
	ended  bool

	kind    jamnp.Kind
	limit   int
	request func(index int) []byte
	// check reads an answer for an index. It runs beside the loop. An error that is a protocol.Invalid is the peer's fault.
	check func(index int, answer [][]byte) ([]byte, error)
	// local gives what we hold ourselves. It runs beside the loop.
	local func(index int) ([]byte, error)
	done  func([]erasure.Shard, error)
}

// begin begins to collect. Holders are the validators of the report's epoch.
func (c *collection) begin(holders []protocol.Ed25519Key) {
	k := c.k
	own := -1
	for _, v := range k.Rand.Perm(len(holders)) {
		index := int(jamnp.ShardOf(c.report.Core, protocol.Validator(v), k.Params))
		switch holders[v] {
		case k.Key.Public:
			own = index
		case jamnp.PeerID{}:
		default:
			c.order, c.shards = append(c.order, holders[v]), append(c.shards, index)
		}
	}
	if own < 0 {
		c.more()
		return
	}
	k.Loop.Go("", func() func() {
		data, err := c.local(own)
		return func() {
			if err == nil {
				c.got = append(c.got, erasure.Shard{Index: own, Data: data})
			}
			c.more()
		}
	})
}

// more asks as many as are still needed, and some more in case that they do not answer.
func (c *collection) more() {
	k := c.k
	need := k.Params.RecoveryThreshold() - len(c.got)
	switch {
	case c.ended:
		return
	case k.stopped:
		c.end(nil, errStopped)
		return
	case need <= 0:
		c.end(c.got[:k.Params.RecoveryThreshold()], nil)
		return
	}
	for c.flying < need+need/8+1 && len(c.order) > 0 {
		from, index := c.order[0], c.shards[0]
		c.order, c.shards = c.order[1:], c.shards[1:]
		c.flying++
		k.Network.Request(from, c.kind, [][]byte{c.request(index)}, c.limit, k.patience(), func(answer [][]byte, err error) {
			c.answered(from, index, answer, err)
		})
	}
	if c.flying == 0 {
		c.end(nil, ErrTooFew)
	}
}

func (c *collection) answered(from jamnp.PeerID, index int, answer [][]byte, err error) {
	if err != nil || c.ended {
		c.flying--
		c.more()
		return
	}
	c.k.Loop.Go("", func() func() {
		data, err := c.check(index, answer)
		return func() {
			c.flying--
			if _, invalid := errors.AsType[protocol.Invalid](err); invalid {
				c.k.counts.BadShards++
				c.k.blame(from, blameData, err)
			}
			if err == nil && !c.ended {
				c.got = append(c.got, erasure.Shard{Index: index, Data: data})
			}
			c.more()
		}
	})
}

func (c *collection) end(shards []erasure.Shard, err error) {
	c.ended = true
	c.done(shards, err)
}
