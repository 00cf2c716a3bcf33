package node

import (
	"errors"

	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/node/beefy"
)

// beefy makes the duty of signing accumulation outputs. On chains whose validators have no BLS keys it does nothing: see the package.
func (n *Node) beefy() {
	o := beefy.Options{
		Chain: n.Chain, Loop: n.Loop, Scheme: beefy.Reading{}, Log: n.Log,
		Publish: func(v *beefy.Vote) { n.sendBeefy(v) },
		Fresh: func(v *beefy.Vote) {
			if n.Params.Validators > beefyMesh { // in the grid each vote reaches all in two hops
				n.sendBeefy(v)
			}
		},
	}
	if len(n.Keys) > 0 {
		o.Signer = beefy.Secret{Key: n.Keys[0].BLS()}
	}
	n.Beefy = beefy.New(o)
}

// Bounds of what is sent.
const (
	beefyMesh  = 24 // validators of whom each sends to all others; of more, to neighbours in the grid
	blameBeefy = 10
)

// sendBeefy sends a signature to other validators.
func (n *Node) sendBeefy(v *beefy.Vote) {
	m := jamnp.BeefySigned{Block: v.Block, Validator: v.Validator}
	if copy(m.Signature[:], v.Signature) != len(v.Signature) {
		return
	}
	message := [][]byte{jamnp.Encode(&m)}
	for _, p := range n.Network.Peers() {
		sets := n.Gossip.Sets()
		if !sets.Validator(p.ID) || n.Params.Validators > beefyMesh && !sets.Announces(n.Self, p.ID) {
			continue
		}
		n.Network.Request(p.ID, jamnp.BeefyVote, message, 0, n.Slots.Duration, func([][]byte, error) {}) // who misses it has two thirds of others
	}
}

// takeBeefy takes in a signature of a peer: CE 154.
func (n *Node) takeBeefy(x jamnp.Exchange) {
	m := new(jamnp.BeefySigned)
	jamnp.Read(x, m, n.Params, jamnp.BeefySignedLimit(n.Params), func(err error) {
		_, invalid := errors.AsType[protocol.Invalid](err)
		if err == nil {
			n.Beefy.Take(&beefy.Vote{Block: m.Block, Validator: m.Validator, Signature: m.Signature[:]}, func(err error) {
				if errors.Is(err, beefy.ErrForged) || errors.Is(err, beefy.ErrVoter) {
					n.Network.Blame(x.Peer(), blameBeefy, err)
				}
			})
			x.Answer()
			return
		}
		if invalid {
			n.Network.Blame(x.Peer(), blameBeefy, err)
		}
		x.Reject(err)
	})
}
