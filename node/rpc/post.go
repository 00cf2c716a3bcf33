package rpc

import (
	"errors"
	"mime"
	"net/http"
	"time"
)

// servePost answers a message that came by POST. What is wrong with the message is told by JSON-RPC, with HTTP's status 200.
func (s *Server) servePost(w http.ResponseWriter, r *http.Request) {
	// Pages of other origins can send any other type without asking first.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "the content type must be application/json", http.StatusUnsupportedMediaType)
		return
	}
	select {
	case s.posts <- struct{}{}:
		defer func() { <-s.posts }()
	default:
		s.counts.refused.Add(1)
		http.Error(w, "there are too many requests", http.StatusServiceUnavailable)
		return
	}
	// They fail only where the connection knows no deadlines, as in tests.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(s.limits.Patience))
	c := &client{trusted: s.trusted(r), bare: wantsBare(r)}
	octets, release, err := s.readMessage(r.Body, s.messageLimit(c))
	_ = control.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, errTooLong):
		w.Header().Set("Connection", "close")
		writeJSON(w, http.StatusRequestEntityTooLarge, appendAnswer(nil, null, nil,
			errorf(CodeRequest, "a message has at most %d octets", s.messageLimit(c))))
		return
	case errors.Is(err, errTooMany):
		w.Header().Set("Connection", "close")
		writeJSON(w, http.StatusServiceUnavailable, appendAnswer(nil, null, nil, errorf(CodeBusy, "too many long messages at once")))
		return
	case err != nil:
		http.Error(w, "the message did not come", http.StatusRequestTimeout)
		return
	}
	reply, _ := s.answer(r.Context(), octets, c)
	release()
	_ = control.SetWriteDeadline(time.Now().Add(4 * s.limits.Patience))
	if len(reply) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeJSON(w, http.StatusOK, reply)
}

func writeJSON(w http.ResponseWriter, status int, octets []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(octets) // whoever does not hear it has gone
}

// wantsBare tells whether results of one value are to come without the array around them: see docs/RPC.md.
func wantsBare(r *http.Request) bool { return r.URL.Query().Get("results") == "bare" }
