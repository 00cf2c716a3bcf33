package dashboard_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"damson/node/dashboard"
)

// TestGuard asks for the page in ways that browsers can be made to.
func TestGuard(t *testing.T) {
	s, err := dashboard.New(dashboard.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s.Add("node")
	for _, tc := range []struct {
		method, host, path, site string
		want                     int
	}{
		{"GET", "127.0.0.1:19880", "/", "", http.StatusOK},
		{"GET", "[::1]:19880", "/app.js", "same-origin", http.StatusOK},
		{"GET", "localhost:19880", "/api/nodes", "same-origin", http.StatusOK},
		{"GET", "rebound.example:19880", "/", "", http.StatusForbidden},
		{"GET", "rebound.example", "/api/nodes", "", http.StatusForbidden},
		{"GET", "127.0.0.1:19880", "/api/nodes", "cross-site", http.StatusForbidden},
		{"GET", "127.0.0.1:19880", "/api/nodes/0/stream?view=chain", "same-site", http.StatusForbidden},
		{"POST", "127.0.0.1:19880", "/api/nodes", "", http.StatusMethodNotAllowed},
		{"GET", "127.0.0.1:19880", "/api/nodes/0/chain", "", http.StatusServiceUnavailable}, // it does not run
		{"GET", "127.0.0.1:19880", "/api/nodes/1/chain", "", http.StatusNotFound},
		{"GET", "127.0.0.1:19880", "/api/nodes/-1/chain", "", http.StatusNotFound},
		{"GET", "127.0.0.1:19880", "/api/nodes/0/nothing", "", http.StatusNotFound},
		{"GET", "127.0.0.1:19880", "/nothing", "", http.StatusNotFound},
	} {
		r := httptest.NewRequest(tc.method, "http://"+tc.host+tc.path, http.NoBody)
		r.Header.Set("Sec-Fetch-Site", tc.site)
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != tc.want {
			t.Errorf("%s %s%s from %q: %d", tc.method, tc.host, tc.path, tc.site, w.Code)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
	}
}

// TestPayload: all that a browser has to load, and that it need not load again.
func TestPayload(t *testing.T) {
	s, err := dashboard.New(dashboard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("web/*")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	total := 0
	for _, name := range files {
		get := func(tag string) *httptest.ResponseRecorder {
			r, w := httptest.NewRequest(http.MethodGet, "http://localhost/"+filepath.Base(name), http.NoBody), httptest.NewRecorder()
			r.Header.Set("If-None-Match", tag)
			s.ServeHTTP(w, r)
			return w
		}
		first := get("")
		total += first.Body.Len()
		if first.Code != http.StatusOK || first.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d %q", name, first.Code, first.Header().Get("Content-Type"))
		}
		if again := get(first.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s again: %d", name, again.Code)
		}
	}
	if total > maxKB*1000 {
		t.Errorf("the page has %d octets", total)
	}
}

// TestPublic keeps the page from others.
func TestPublic(t *testing.T) {
	s, err := dashboard.New(dashboard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if l, err := dashboard.Listen("0.0.0.0:0", s); !errors.Is(err, dashboard.ErrPublic) {
		t.Errorf("all addresses: %v", err)
		if err == nil {
			_ = l.Close()
		}
	}
}

// TestStream reads events, and sees that there are no more than lookers-on may be.
func TestStream(t *testing.T) {
	s, err := dashboard.New(dashboard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Add("node")
	l, err := dashboard.Listen("127.0.0.1:0", s)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	var open []io.Closer
	full := false
	for i := 0; i < 100 && !full; i++ {
		reply, err := client.Get(l.URL() + "api/nodes/0/stream?view=chain")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, reply.Body)
		full = reply.StatusCode == http.StatusServiceUnavailable
		if i > 0 {
			continue
		}
		lines := bufio.NewScanner(reply.Body)
		var got []string
		for len(got) < 5 && lines.Scan() {
			got = append(got, lines.Text())
		}
		if got[0] != "event: nodes" || got[3] != "event: view" || got[4] != `data: {"gone":true}` {
			t.Errorf("%q", got)
		}
	}
	if !full {
		t.Error("a hundred may look at once")
	}
	begun := time.Now()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("to close took %v", took)
	}
	for _, body := range open {
		_ = body.Close()
	}
}
