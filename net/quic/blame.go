package quic

import (
	"errors"
	"fmt"
	"math"
	"time"

	"damson/net/jamnp"
)

// score is how badly a peer has behaved.
type score struct {
	points float64
	at     time.Time // when the points were right: they decay
	until  time.Time // the peer is refused
}

const (
	// tooMuch is the score with which a peer is dropped.
	tooMuch = 100
	// halfLife is how long it takes to forgive half of what was done.
	halfLife = 10 * time.Minute
	// refusedFor is how long a peer that was dropped is refused.
	refusedFor = 10 * time.Minute
	// maxScores bounds the scores that are kept.
	maxScores = 4096

	blameMalformed = 25 // a message that breaks the framing
	blameSlow      = 2  // a message that does not come
	blameReplaced  = 1  // an UP stream in another's place: rarely is nobody's fault
	blameUnasked   = 25 // an UP stream that is not the peer's to open
)

// Blame lowers the score of a peer for a reason.
func (n *Network) Blame(id jamnp.PeerID, points int, reason error) {
	if n.closed || points <= 0 {
		return
	}
	now := time.Now()
	s := n.scores[id]
	if s == nil {
		if len(n.scores) >= maxScores {
			n.forgetLeast(now)
		}
		s = &score{at: now}
		n.scores[id] = s
	}
	s.points, s.at = s.now(now)+float64(points), now
	n.o.Log.Debug("peer blamed", logPeer(id), logReason(reason), "points", points, "score", int(s.points))
	if s.points < tooMuch {
		return
	}
	s.points, s.until = 0, now.Add(refusedFor)
	n.o.Log.Warn("peer dropped", logPeer(id), logReason(reason), "refused_for", refusedFor)
	if c := n.peers[id]; c != nil {
		n.leave(c, codeMisbehaved, fmt.Errorf("%w: %w", ErrRefused, reason))
	}
}

func (s *score) now(t time.Time) float64 {
	return s.points * math.Exp2(-float64(t.Sub(s.at))/float64(halfLife))
}

func (n *Network) banned(id jamnp.PeerID) bool {
	s := n.scores[id]
	return s != nil && time.Now().Before(s.until)
}

// forgive forgets scores that do not matter any more.
func (n *Network) forgive() {
	now := time.Now()
	for id, s := range n.scores {
		if s.now(now) < 1 && now.After(s.until) {
			delete(n.scores, id)
		}
	}
}

// forgetLeast makes room for a score: of one that is not refused if there is such.
func (n *Network) forgetLeast(now time.Time) {
	var least jamnp.PeerID
	lowest := math.Inf(1)
	for id, s := range n.scores {
		points := s.now(now)
		if now.Before(s.until) {
			points = tooMuch + s.until.Sub(now).Seconds()
		}
		if points < lowest {
			least, lowest = id, points
		}
	}
	delete(n.scores, least)
}

// blameFor blames a peer for how it used a stream, if that is its fault.
func (c *connection) blameFor(kind jamnp.Kind, err error) {
	points := 0
	switch {
	case errors.Is(err, jamnp.ErrOversized), errors.Is(err, jamnp.ErrCut), errors.Is(err, jamnp.ErrMessages):
		points = blameMalformed
	case errors.Is(err, jamnp.ErrTimeout):
		points = blameSlow
	}
	if points > 0 && !c.gone {
		c.net.Blame(c.ID, points, fmt.Errorf("stream of kind %d: %w", kind, err))
	}
}
