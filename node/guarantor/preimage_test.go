package guarantor_test

import (
	"bytes"
	"testing"
	"time"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/services"
	"damson/net/jamnp"
	"damson/state/service"
)

// holder is a builder that has data and gives what it likes.
type holder struct {
	*builder
	give func() []byte
}

func (h holder) Serve(x jamnp.Exchange) {
	x.Next(jamnp.HashRequestLimit(nil), func([]byte, error) {
		x.Next(0, func([]byte, error) { x.Answer(h.give()) })
	})
}

// Data that a service asks for is announced by who is no validator, fetched by one, passed on, and put into a block. What is not
// that data is refused.
func TestPreimage(t *testing.T) {
	w := newWorld(t, nil)
	blob := bytes.Repeat([]byte("preimage"), 1000)
	hash := blake2b.Sum256(blob)
	var c services.Commands
	c.Solicit(hash, uint32(len(blob)))
	w.submit(0, w.pack(block.WorkItem{Service: theStore, Payload: c.Payload()}))
	waits := func() bool { return service.New(w.best().State).Providable(theStore, hash, uint64(len(blob))) }
	w.until(6, "asked for", waits)
	w.loop.Advance(time.Second)

	give := append(bytes.Clone(blob[1:]), 0)
	h := holder{&builder{id: jamnp.PeerID{0xcc}}, func() []byte { return give }}
	h.Node = w.net.Node(h.id, addressOf(60000), h, w.loop)
	for _, n := range w.nodes {
		h.Connect(n.Self, addressOf(40000+n.index))
	}
	w.run(1)
	announce := func(service protocol.ServiceID, to *validator) (taken bool) {
		m := jamnp.PreimageAnnounced{Service: service, Hash: hash, Length: uint32(len(blob))}
		h.Request(to.Self, jamnp.PreimageAnnouncement, [][]byte{jamnp.Encode(&m)}, 0, time.Second, func(_ [][]byte, err error) {
			taken = err == nil
		})
		w.loop.Advance(time.Second / 2)
		return taken
	}
	if !announce(theStore, w.nodes[0]) || w.nodes[0].net.blamed[h.id] == nil || w.nodes[0].Status().Work.Preimages.Fetched != 0 {
		t.Error("wrong data is taken")
	}
	if announce(theExporter, w.nodes[1]) {
		t.Error("taken for a service that does not ask")
	}
	give = blob
	if !announce(theStore, w.nodes[1]) {
		t.Error("the right data is not taken")
	}
	w.until(3, "provided", func() bool { return !waits() })
	if got := service.New(w.best().State).Preimage(theStore, hash); !bytes.Equal(got, blob) {
		t.Error("other data is provided")
	}
	fetched := 0
	for _, n := range w.nodes {
		if n.Pool.Preimage(hash) != nil || n.Status().Work.Preimages.Fetched > 0 {
			fetched++
		}
	}
	if fetched < 4 { // neighbours in the grid, and theirs
		t.Errorf("%d have the data", fetched)
	}
}
