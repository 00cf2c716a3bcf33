package dashboard_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/chain"
	"damson/state"
)

// digits takes the number out of a text.
func digits(text string) int {
	kept := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, text)
	n, err := strconv.Atoi(kept)
	if err != nil {
		return -1
	}
	return n
}

// chain holds the blocks that are shown against the RPC's.
func (b *browser) chain() {
	b.look("chain", 0)
	b.wait("the best and the finalized block of the RPC", func() bool {
		best, err := b.world.client.BestBlock(b)
		if err != nil {
			b.t.Fatal(err)
		}
		final, err := b.world.client.FinalizedBlock(b)
		if err != nil {
			b.t.Fatal(err)
		}
		values := b.texts("#head .value")
		return eval[bool](b, fmt.Sprintf("!!document.querySelector('g[data-hash=%q]')", best.Hash.String())) &&
			digits(values[1]) == int(best.Slot) && digits(values[2]) == int(final.Slot)
	})
	type block struct {
		Hash, Parent string
		Root         string `json:"state_root"`
		Slot         protocol.Slot
		Best, Final  bool
		ImportMs     float64 `json:"import_ms"`
		DelayMs      float64 `json:"delay_ms"`
	}
	v := shown[struct{ Blocks []block }](b, "chain")
	checked := 0
	for _, one := range v.Blocks[max(0, len(v.Blocks)-10):] {
		var hash protocol.Hash
		if _, err := fmt.Sscanf(one.Hash, "0x%x", (*hex)(&hash)); err != nil {
			b.t.Fatal(err)
		}
		root, err := b.world.client.StateRoot(b, hash)
		if err != nil {
			b.t.Fatal(err)
		}
		parent, err := b.world.client.Parent(b, hash)
		if err != nil {
			b.t.Fatal(err)
		}
		if root.String() != one.Root || parent.Hash.String() != one.Parent || one.ImportMs <= 0 || one.DelayMs <= 0 {
			b.t.Errorf("%+v: the RPC says %v and %v", one, root, parent.Hash)
		}
		checked++
	}
	if rows := len(b.texts("#view tbody tr")); checked < 4 || rows < checked {
		b.t.Errorf("%d blocks were held against the RPC's, %d rows", checked, rows)
	}
}

// hex reads a hash.
type hex protocol.Hash

// Scan implements fmt.Scanner.
func (h *hex) Scan(s fmt.ScanState, _ rune) error {
	text, err := s.Token(true, nil)
	if err != nil {
		return err
	}
	for i := range h {
		n, err := strconv.ParseUint(string(text[2*i:2*i+2]), 16, 8)
		if err != nil {
			return err
		}
		h[i] = byte(n)
	}
	return nil
}

// statistics gives π after the best block, by RPC.
func (b *browser) statistics() *state.Activity {
	b.t.Helper()
	best, err := b.world.client.BestBlock(b)
	if err != nil {
		b.t.Fatal(err)
	}
	blob, err := b.world.client.Statistics(b, best.Hash)
	if err != nil {
		b.t.Fatal(err)
	}
	d := codec.NewDecoder(blob)
	a := state.DecodeActivity(&d, b.world.net.Params)
	if err := d.Finish(); err != nil {
		b.t.Fatal(err)
	}
	return a
}

// cores holds packages against the state's, and what cores did against the RPC's statistics.
func (b *browser) cores() {
	b.look("cores", 0)
	b.wait("packages that the state says are accumulated", func() bool {
		var want []string
		b.world.best(b.t, func(best *chain.Block) error {
			all, err := best.State.Accumulated()
			for _, slot := range all[max(0, len(all)-4):] {
				for _, hash := range slot {
					want = append(want, hash.String())
				}
			}
			return err
		})
		done := eval[[]string](b, `[...document.querySelectorAll("[data-package]")].filter(e => e.innerText.includes("accumulated")).map(e => e.dataset.package)`)
		return len(want) > 0 && !slices.ContainsFunc(want, func(hash string) bool { return !slices.Contains(done, hash) })
	})
	b.wait("what the statistics say of cores", func() bool {
		for core, a := range b.statistics().Cores {
			text := eval[string](b, fmt.Sprintf("document.querySelector('[data-core=\"%d\"]').innerText", core))
			if !strings.Contains(text, fmt.Sprintf("%d assurance", a.Popularity)) || a.Popularity == 0 || !strings.Contains(grouped(text), fmt.Sprintf("%d gas", a.GasUsed)) {
				return false
			}
		}
		return true
	})
}

// grouped takes the narrow spaces out of numbers.
func grouped(text string) string { return strings.ReplaceAll(text, "\u202f", "") }

// validators holds what validators did against the RPC's statistics.
func (b *browser) validators() {
	b.look("validators", 0)
	b.wait("what the statistics say of validators", func() bool {
		want := b.statistics().Current
		rows := eval[[][]string](b, `[...document.querySelectorAll("#view tbody tr")].map(r => [...r.cells].map(c => c.innerText))`)
		if len(rows) != len(want) {
			return false
		}
		for i, row := range rows {
			w := want[i]
			for at, n := range []uint32{w.Blocks, w.Tickets, w.Guarantees, w.Assurances, w.Preimages} {
				if digits(row[4+at]) != int(n) {
					return false
				}
			}
		}
		return true
	})
	b.do(evaluate(`document.querySelector('[data-value="previous"]').click()`))
	b.until("the last epoch", `document.querySelector('[data-value="previous"]').getAttribute("aria-pressed") === "true"`)
	b.do(evaluate(`document.querySelector('[data-value="current"]').click()`))
}

// services holds accounts against the RPC's.
func (b *browser) services() {
	b.look("services", 0)
	b.wait("the accounts of the RPC", func() bool {
		best, err := b.world.client.BestBlock(b)
		if err != nil {
			b.t.Fatal(err)
		}
		list, err := b.world.client.ListServices(b, best.Hash)
		if err != nil || len(list) < 4 {
			b.t.Fatal(list, err)
		}
		for _, id := range list {
			blob, err := b.world.client.ServiceData(b, best.Hash, id)
			if err != nil {
				b.t.Fatal(err)
			}
			var a state.Account
			d := codec.NewDecoder(blob)
			a.DecodeFrom(&d)
			cells := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll('[data-service="%d"] td')].map(c => c.title || c.innerText)`, id))
			if len(cells) < 8 || cells[2] != strconv.FormatUint(uint64(a.Balance), 10) || digits(cells[4]) != int(a.Items) || digits(cells[5]) != int(a.Octets) {
				return false
			}
		}
		return true
	})
	if names := strings.Join(b.texts("[data-service] strong"), " "); !strings.Contains(names, "token") || !strings.Contains(names, "relay") {
		b.t.Errorf("services are called %s", names)
	}
}

// network holds peers against the node's, by name, and sees octets go to and fro.
func (b *browser) network() {
	b.look("network", 0)
	b.wait("the peers of the node", func() bool {
		var want []string
		b.world.hosts[0].Do(func(n *node.Node) {
			for _, p := range n.Network.Peers() {
				want = append(want, p.ID.PeerName())
			}
		})
		status, err := b.world.client.Status(b)
		if err != nil {
			b.t.Fatal(err)
		}
		got := eval[[]string](b, `[...document.querySelectorAll("[data-peer]")].map(e => e.dataset.peer)`)
		slices.Sort(got)
		slices.Sort(want)
		return len(want) >= 5 && len(want) == status.Peers && slices.Equal(got, want)
	})
	type peers struct {
		Peers []struct{ Sent, Received uint64 }
	}
	sum := func() (n uint64) {
		for _, p := range shown[peers](b, "network").Peers {
			n += p.Sent + p.Received
		}
		return n
	}
	from := sum()
	b.wait("traffic", func() bool { return sum() > from+1000 })
	b.until("a line of it", `document.querySelectorAll("#view path.stroke").length === 2`)
}

// engine sees what blocks took and what was compiled.
func (b *browser) engine() {
	b.look("engine", 0)
	b.until("bars of several stages", `document.querySelectorAll("#view svg rect.s3").length > 3 && document.querySelectorAll("#view svg rect.s5").length > 3`)
	type view struct {
		Stages []string
		Runs   []struct {
			Hash   string
			Stages []float64    `json:"stages_ms"`
			Gas    protocol.Gas `json:"accumulation_gas"`
		}
		Programs *struct{ Compiled uint64 }
	}
	v := shown[view](b, "engine")
	var gas protocol.Gas
	for _, r := range v.Runs {
		if len(r.Stages) != len(v.Stages) || r.Stages[0] <= 0 {
			b.t.Errorf("%+v", r)
		}
		gas += r.Gas
	}
	if gas == 0 || v.Programs != nil && v.Programs.Compiled < 3 {
		b.t.Errorf("%d gas, programs %+v", gas, v.Programs)
	}
	// What the statistics of the best block say is what the last bar was counted with.
	b.wait("the gas of the best block", func() bool {
		var want protocol.Gas
		for _, s := range b.statistics().Services {
			want += s.AccumulationGas
		}
		runs := shown[view](b, "engine").Runs
		return runs[len(runs)-1].Gas == want
	})
}

// logs sees what services say.
func (b *browser) logs() {
	b.look("logs", 0)
	b.until("lines of the relay", `[...document.querySelectorAll(".lines li")].some(e => e.innerText.includes("a package has handed its segments on") && e.innerText.includes("service 2"))`)
	b.do(evaluate(`{ const s = document.querySelector("select"); s.value = "2"; s.dispatchEvent(new Event("input", {bubbles: true})) }`))
	b.until("no line of a lower level", `[...document.querySelectorAll(".lines li")].every(e => !e.innerText.includes("debug"))`)
	b.do(evaluate(`{ const s = document.querySelector("select"); s.value = "4"; s.dispatchEvent(new Event("input", {bubbles: true})) }`))
}
