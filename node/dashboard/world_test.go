package dashboard_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"damson/internal/engine"
	"damson/internal/protocol"
	"damson/jit"
	"damson/node"
	"damson/node/chain"
	"damson/node/dashboard"
	"damson/node/host"
	"damson/node/load"
	"damson/node/rpc"
	"damson/node/rpc/client"
	"damson/node/testnet"
)

// world is a network whose cores have work, with a page that shows it and an RPC for node 0.
type world struct {
	net     *testnet.Net
	page    *dashboard.Listener
	server  *dashboard.Server
	records []*dashboard.Record
	hosts   []*host.Host
	client  *client.Client
	address string // of the RPC
}

// attendant shows a node, and lets the first one be asked.
type attendant struct {
	world  *world
	index  int
	closer func() error
}

// Started implements testnet.Attendant.
func (a *attendant) Started(h *host.Host) error {
	a.world.hosts[a.index] = h
	a.world.records[a.index].Follow(h)
	if a.index != 0 {
		return nil
	}
	s, err := rpc.New(rpc.Options{Node: h})
	if err != nil {
		return err
	}
	l, err := rpc.Listen("127.0.0.1:0", s)
	if err != nil {
		return err
	}
	a.world.address, a.closer = l.Address.String(), l.Close
	return nil
}

// Close implements testnet.Attendant.
func (a *attendant) Close() error {
	a.world.records[a.index].Leave()
	if a.closer == nil {
		return nil
	}
	return a.closer()
}

func newWorld(t *testing.T, slot time.Duration) *world {
	t.Helper()
	params := protocol.Tiny()
	run, _, err := engine.New(engine.Auto, jit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := dashboard.Options{Version: "test", Network: true}
	if counting, ok := run.(interface{ Stats() jit.Stats }); ok {
		o.Programs = func() *dashboard.Programs {
			s := counting.Stats()
			return &dashboard.Programs{Compiled: s.Compiled, Cached: s.Programs, Bytes: s.Bytes}
		}
	}
	w := &world{hosts: make([]*host.Host, params.Validators)}
	if w.server, err = dashboard.New(o); err != nil {
		t.Fatal(err)
	}
	for i := range params.Validators {
		w.records = append(w.records, w.server.Add("Node "+strconv.Itoa(i)))
	}
	if w.page, err = dashboard.Listen("127.0.0.1:0", w.server); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.page.Close(); err != nil {
			t.Error(err)
		}
	})
	w.net, err = testnet.New(testnet.Options{
		Params: params, Slot: slot, Dir: t.TempDir(), Engine: run, Work: &testnet.Work{Options: load.Options{Transfers: 32}},
		Attend: func(i int, o *host.Options) testnet.Attendant {
			w.records[i].Watch(o)
			return &attendant{world: w, index: i}
		},
		Log: func(int) *slog.Logger { return slog.New(slog.DiscardHandler) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.net.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.net.Stop(); err != nil {
			t.Error(err)
		}
	})
	if w.client, err = client.Dial(t.Context(), "ws://"+w.address+"/"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.client.Close() })
	return w
}

// untilWorked waits until packages have gone all the way.
func (w *world) untilWorked(t *testing.T) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		done := 0
		w.best(t, func(b *chain.Block) error {
			all, err := b.State.Accumulated()
			for _, slot := range all {
				done += len(slot)
			}
			return err
		})
		if done >= 4 {
			return
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatal("no packages were accumulated in two minutes")
		}
	}
}

// best looks at the best block of node 0.
func (w *world) best(t *testing.T, look func(*chain.Block) error) {
	t.Helper()
	err := errors.New("the node has stopped")
	w.hosts[0].Do(func(n *node.Node) { err = look(n.Chain.Best()) })
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) stop(t *testing.T, node int) {
	t.Helper()
	if err := w.net.StopNode(node); err != nil {
		t.Fatal(err)
	}
}

func middle(list []float64) float64 {
	sorted := append([]float64(nil), list...)
	for i := range sorted {
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}

// smaller makes a picture of at most 256 colours: a page has few, and those of smooth edges are near each other.
func smaller(t *testing.T, octets []byte) []byte {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(octets))
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[color.RGBA]int)
	bounds := picture.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	out := image.NewPaletted(bounds, paletteOf(counts))
	nearest := make(map[color.RGBA]uint8)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(out.Palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// paletteOf takes the most frequent colours.
func paletteOf(counts map[color.RGBA]int) color.Palette {
	p := make(color.Palette, 0, 256)
	for len(p) < 256 && len(counts) > 0 {
		var most color.RGBA
		count := 0
		for c, n := range counts {
			if n > count {
				most, count = c, n
			}
		}
		p = append(p, most)
		delete(counts, most)
	}
	return p
}
