package rpc

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// admit looks at who asks, and refuses pages of other origins. It reports whether the request is to be served.
//
// Two things keep a page that somebody looks at on this machine from driving the node. The browser tells where a page is from
// (Origin), and only origins that were named are served. And a page may have its own name point to this machine, so that it is
// its own origin (DNS rebinding): therefore a name by which the node is asked (Host) must be known, or be an address.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	if !s.knownHost(r.Host) {
		return s.refuse(w, "the node is not known by this name (see --rpc-hosts)")
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		// Browsers leave Origin out of simple reads, whose answers the page of another origin does not get. All else has it.
		if site := r.Header.Get("Sec-Fetch-Site"); r.Method != http.MethodGet && (site == "cross-site" || site == "same-site") {
			return s.refuse(w, "pages of other origins are not served (see --rpc-cors)")
		}
		return true
	}
	origin := origins[0]
	if len(origins) > 1 || !s.allowed(origin, r) {
		return s.refuse(w, "pages of this origin are not served (see --rpc-cors)")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions {
		return true
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return false
}

func (s *Server) refuse(w http.ResponseWriter, why string) bool {
	s.counts.refused.Add(1)
	http.Error(w, why, http.StatusForbidden)
	return false
}

func (s *Server) knownHost(host string) bool { return KnownHost(host, s.opts.Hosts) }

// KnownHost tells whether a server on this machine may be asked for by what the Host header says: by an address, by a name of this
// machine, or by one of the names given, of which "*" means all.
func KnownHost(host string, names []string) bool {
	name := hostname(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if isLocalName(name) {
		return true
	}
	return slices.ContainsFunc(names, func(known string) bool { return known == "*" || strings.EqualFold(known, name) })
}

func isLocalName(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// hostname takes the port off, and the brackets.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// allowed tells whether pages of an origin are served: those that were named, and our own.
func (s *Server) allowed(origin string, r *http.Request) bool {
	if slices.ContainsFunc(s.opts.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) && (u.Scheme == "http" || u.Scheme == "https")
}

// trusted tells whether a client may submit: all may, or it is on this machine, and has not come through a proxy there.
func (s *Server) trusted(r *http.Request) bool {
	if s.opts.Unsafe {
		return true
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	asked, err := netip.ParseAddr(hostname(r.Host))
	return err == nil && asked.Unmap().IsLoopback() || isLocalName(hostname(r.Host))
}
