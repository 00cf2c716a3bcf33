package metrics_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/jit"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/metrics"
	"damson/node/rpc"
	"damson/node/srsfile"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// start starts a node that has all keys of a chain of its own, and is measured.
func start(t *testing.T, m *metrics.Metrics) *host.Host {
	t.Helper()
	p := protocol.Tiny()
	recipe := chainspec.Recipe{ID: "metrics", Params: p, SRS: srsfile.DevInsecure}
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var all []*keys.Validator
	for i := range p.Validators {
		v := keys.Trivial(uint32(i)).Derive()
		all = append(all, v)
		recipe.Validators = append(recipe.Validators, v.Public(socket.LocalAddr().(*net.UDPAddr).AddrPort()))
	}
	spec, err := chainspec.Generate(&recipe)
	if err != nil {
		t.Fatal(err)
	}
	setup, err := spec.Setup(srsfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run, _, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const slot = 300 * time.Millisecond
	h, err := host.Start(t.Context(), host.Options{
		Spec: spec, Setup: setup, Engine: run, Keys: all, Conn: socket, Observe: m.Observe,
		Slots: loop.Slots{Era: time.Now().Add(-slot).Truncate(time.Millisecond), Duration: slot},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// scrape gives the values of all series by name and labels, as Prometheus would read them.
func scrape(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", http.NoBody))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v\n%s", w.Code, err, body)
	}
	values := make(map[string]float64)
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if i := strings.LastIndexByte(line, ' '); i > len(name) { // a space in a label
			name, text = line[:i], strings.TrimSpace(line[i:])
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[name] = v
	}
	return values
}

func TestMetrics(t *testing.T) {
	served := new(rpc.Server)
	m := metrics.New(metrics.Options{
		Version:  "test",
		Programs: func() metrics.Programs { return metrics.Programs{Compiled: 3, Cached: 2, Bytes: 1} },
		RPC:      func() rpc.Statistics { return served.Statistics() },
	})
	if got := scrape(t, m); got["damson_up"] != 0 {
		t.Error("a node that is not there is up")
	}
	h := start(t, m)
	if !m.Follow(h) {
		t.Fatal("the node has stopped")
	}
	var status node.Status
	for begun := time.Now(); status.Best == nil || status.Imported < 3; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatal("no three blocks in a minute")
		}
		h.Do(func(n *node.Node) { status = n.Status() })
	}
	got := scrape(t, m)
	if got["damson_up"] != 1 || got["damson_slot_seconds"] != 0.3 || got["damson_programs_compiled_total"] != 3 {
		t.Errorf("up %v, slot %v, programs %v", got["damson_up"], got["damson_slot_seconds"], got["damson_programs_compiled_total"])
	}
	if n := got[`damson_blocks_total{what="imported"}`]; n < 3 || n < float64(status.Imported) {
		t.Errorf("%v blocks imported", n)
	}
	for _, stage := range []string{"decode", "consensus", "reporting", "accumulation", "claims", "root", "store"} {
		if n := got[fmt.Sprintf("damson_import_stage_seconds_count{stage=%q}", stage)]; n < 3 {
			t.Errorf("stage %s was measured %v times", stage, n)
		}
	}
	if got["damson_store_disk_bytes"] == 0 || got["damson_build_info{version=\"test\"}"] != 1 {
		t.Errorf("disk %v, version %v", got["damson_store_disk_bytes"], got["damson_build_info{version=\"test\"}"])
	}
	testDashboard(t, got)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://rebound.example/metrics", http.NoBody)
	if m.Handler().ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("by a name that is not known: %d", w.Code)
	}
}

var used = regexp.MustCompile(`\b(?:damson|go|process)_[a-z0-9_]+`)

// testDashboard looks whether all that the dashboard shows is there, and shows all that is ours.
func testDashboard(t *testing.T, values map[string]float64) {
	names := make(map[string]bool)
	for series := range values {
		name, _, _ := strings.Cut(series, "{")
		names[name] = true
	}
	text, err := os.ReadFile("../../docs/deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	shown, ids := make(map[string]bool), make(map[int]bool)
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the number %d", p.ID)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			for _, name := range used.FindAllString(target.Expr, -1) {
				shown[name] = true
				if !names[name] {
					t.Errorf("%s: there is no %s", p.Title, name)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if strings.HasPrefix(name, "damson_") && !shown[name] && !shown[base+"_bucket"] && !hidden[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// hidden are figures that say nothing on a dashboard of their own.
var hidden = map[string]bool{
	"damson_build_info": true, "damson_slot_seconds": true, "damson_finalized_slot": true, "damson_best_height": true,
}
