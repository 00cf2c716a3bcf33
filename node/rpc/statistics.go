package rpc

import "time"

// Statistics are what a server has done, and what it does now.
type Statistics struct {
	Requests, Errors uint64        // answered, and of these with an error
	Refused          uint64        // clients turned away: pages of other origins, too many connections
	Notifications    uint64        // told to subscribers
	Working          time.Duration // spent on answers

	SlowSubscriptions      uint64 // that ended since the client did not read
	Sockets, Subscriptions int    // now
}

// Statistics gives the counts. It is safe for concurrent use.
func (s *Server) Statistics() Statistics {
	c := &s.counts
	return Statistics{
		Requests: uint64(c.requests.Load()), Errors: uint64(c.errors.Load()), Refused: uint64(c.refused.Load()),
		Notifications: uint64(c.notifications.Load()), Working: time.Duration(c.nanoseconds.Load()),
		SlowSubscriptions: uint64(c.slow.Load()), Sockets: int(c.sockets.Load()), Subscriptions: int(c.subscriptions.Load()),
	}
}
