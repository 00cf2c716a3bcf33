package quic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

// A package over a limit is refused at the octet that proves it: the rest is neither waited for nor kept.
func TestStream(t *testing.T) {
	p := protocol.Tiny()
	limit := jamnp.PackageAloneLimit(p)
	good := block.WorkPackage{AuthToken: make([]byte, 100<<10), Items: make([]block.WorkItem, 2)}
	gas := good
	gas.Items = make([]block.WorkItem, 2)
	gas.Items[0].RefineGas = p.RefineGas
	atGas := 4 + 32 + 4*32 + 4 + 1 + 3 + len(good.AuthToken) + 1 + 1 + 4 + 32 + 8
	framed := func(length int, octets []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte{byte(jamnp.WorkBundle)}, uint32(length)), octets...)
	}
	encoded := good.AppendTo(nil)
	cases := map[string]struct {
		send []byte
		fin  bool
		why  error // nil: taken
	}{
		"good":               {framed(len(encoded), encoded), true, nil},
		"too long by a word": {framed(limit+1, nil), false, jamnp.ErrOversized},
		"gas":                {framed(limit, gas.AppendTo(nil)[:atGas]), false, bundle.ErrRefineGas},
		"cut":                {framed(len(encoded), encoded[:1000]), true, jamnp.ErrCut},
		"shorter than told":  {framed(len(encoded)+1, append(bytes.Clone(encoded), 0)), true, jamnp.ErrUnread},
		"nothing":            {[]byte{byte(jamnp.WorkBundle)}, true, io.EOF},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := start(t, 1)
			heard := make(chan error, 1)
			h.loop.call(func() {
				h.serve = func(x jamnp.Exchange) {
					x.Stream(limit, func(r io.Reader) error {
						w, _, err := bundle.ReadPackage(r, p)
						if err == nil && len(w.Items) != 2 {
							err = errUnread
						}
						return err
					}, func(err error) {
						heard <- err
						if err != nil {
							x.Reject(err)
							return
						}
						x.Next(0, func([]byte, error) { x.Answer([]byte("taken")) })
					})
				}
			})
			f := newForeign(t, 2)
			s := stream(t, visit(t, f, h), tc.send...)
			if tc.fin {
				_ = s.Close()
			}
			begun := time.Now()
			select {
			case err := <-heard:
				if !errors.Is(err, tc.why) || errors.Is(err, jamnp.ErrNotConnected) {
					t.Fatal(err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("waits for the rest")
			}
			if time.Since(begun) > time.Second {
				t.Error("it took long")
			}
			answer, err := io.ReadAll(s)
			if tc.why == nil != (err == nil) || err == nil && !bytes.HasSuffix(answer, []byte("taken")) {
				t.Errorf("answer %q: %v", answer, err)
			}
			h.awaitNothingHeld(t)
		})
	}
}
