package dashboard

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"damson/crypto/blake2b"
	"damson/node/rpc"
)

// page is a file of the page.
type page struct {
	octets []byte
	kind   string
	tag    string
}

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func readPages(web fs.FS) (map[string]*page, error) {
	pages := make(map[string]*page)
	err := fs.WalkDir(web, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		octets, err := fs.ReadFile(web, name)
		if err != nil {
			return err
		}
		hash := blake2b.Sum256(octets)
		pages["/"+name] = &page{octets, kinds[path.Ext(name)], `"` + hex.EncodeToString(hash[:8]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	pages["/"] = pages["/index.html"]
	return pages, nil
}

// policy lets the page have nothing but what this server gives: no script of others, no frame around it, no word to elsewhere.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	// A page whose own name points to this machine would be its own origin: DNS rebinding.
	if !rpc.KnownHost(r.Host, nil) {
		http.Error(w, "the dashboard is not known by this name", http.StatusForbidden)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			http.Error(w, "pages of other origins are not served", http.StatusForbidden)
			return
		}
		h.Set("Cache-Control", "no-store")
	}
	s.mux.ServeHTTP(w, r)
}

// servePage serves a file. Browsers keep it, and ask whether it is still the same.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	p := s.pages[r.URL.Path]
	if p == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", p.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", p.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.octets))
}
