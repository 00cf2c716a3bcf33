package doctor

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/beevik/ntp"
)

// How far the clock may be wrong: GP §4.4 has blocks of the future refused, and a slot has six seconds for all that is done in it.
const (
	clockNotable = 250 * time.Millisecond
	clockWrong   = 2 * time.Second
	clockPatient = 3 * time.Second
)

// Servers are who is asked for the time if nobody is named.
var servers = []string{"pool.ntp.org", "time.cloudflare.com", "time.google.com"}

// Servers gives who is asked for the time if nobody is named.
func Servers() []string { return servers }

// clock asks all servers at once, and believes the one that knows best.
func (o *Options) clock(ctx context.Context) Finding {
	const check = "clock"
	if len(o.NTP) == 0 {
		return Finding{check, Skipped, "no server was asked for the time", ""}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	var best *ntp.Response
	for _, server := range o.NTP {
		all.Go(func() {
			r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{Timeout: clockPatient, Dialer: func(_, remote string) (net.Conn, error) {
				return (&net.Dialer{Timeout: clockPatient}).DialContext(ctx, "udp", remote)
			}})
			if err == nil {
				err = r.Validate()
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil && (best == nil || r.RootDistance < best.RootDistance) {
				best = r
			}
		})
	}
	all.Wait()
	if best == nil {
		return Finding{
			check, Skipped, "no time server answers: is this machine offline, or does a firewall keep UDP port 123 closed?",
			"See that the clock is right: blocks that come before their slots are refused.",
		}
	}
	off := best.ClockOffset
	says := fmt.Sprintf("the clock differs by %v from that of the time servers", off.Round(time.Millisecond).Abs())
	fix := "Have the clock kept by NTP: systemctl enable --now systemd-timesyncd (or chrony)."
	switch {
	case off.Abs() >= clockWrong:
		return Finding{check, Fault, says + "; blocks will come too early or too late", fix}
	case off.Abs() >= clockNotable:
		return Finding{check, Warning, says, fix}
	}
	return Finding{check, Good, says, ""}
}

// check listens at the port, for a moment.
func (p Port) check(ctx context.Context) Finding {
	name := fmt.Sprintf("port %s (%s)", p.Name, p.Network)
	var listen net.ListenConfig
	var err error
	if p.Network == "udp" {
		var c net.PacketConn
		if c, err = listen.ListenPacket(ctx, p.Network, p.Address); err == nil {
			err = c.Close()
		}
	} else {
		var l net.Listener
		if l, err = listen.Listen(ctx, p.Network, p.Address); err == nil {
			err = l.Close()
		}
	}
	if err != nil {
		return Finding{
			name, Fault, fmt.Sprintf("%s cannot be had: %v", p.Address, err),
			"Stop what uses it (ss -lunp, ss -ltnp name it), or give the node another one.",
		}
	}
	return Finding{name, Good, p.Address + " is free", ""}
}
