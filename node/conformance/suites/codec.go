package suites

import (
	"errors"
	"fmt"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// coder is what every type of package block does.
type coder struct {
	decode func(*codec.Decoder, *protocol.Params)
	append func([]byte) []byte
}

// coderOf gives the type that a codec vector holds, by the vector's name.
func coderOf(name string) (coder, bool) {
	var (
		x block.Extrinsic
		h block.Header
		b block.View
		r block.Report
		w block.WorkPackage
		i block.WorkItem
		c block.RefinementContext
		g block.Digest
	)
	found, ok := map[string]coder{
		"assurances_extrinsic": {x.DecodeAssurances, func(b []byte) []byte { return block.AppendAssurances(b, x.Assurances) }},
		"tickets_extrinsic": {
			noParams(x.DecodeTicketProofs), func(b []byte) []byte { return block.AppendTicketProofs(b, x.Tickets) },
		},
		"preimages_extrinsic": {
			noParams(x.DecodePreimages), func(b []byte) []byte { return block.AppendPreimages(b, x.Preimages) },
		},
		"guarantees_extrinsic": {x.DecodeGuarantees, func(b []byte) []byte { return block.AppendGuarantees(b, x.Guarantees) }},
		"disputes_extrinsic":   {x.Disputes.DecodeFrom, x.Disputes.AppendTo},
		"extrinsic":            {x.DecodeFrom, x.AppendTo},
		"header_0":             {h.DecodeFrom, h.AppendTo},
		"header_1":             {h.DecodeFrom, h.AppendTo},
		"block":                {b.DecodeFrom, b.AppendTo},
		"work_report":          {r.DecodeFrom, r.AppendTo},
		"work_package":         {w.DecodeFrom, w.AppendTo},
		"work_item":            {i.DecodeFrom, i.AppendTo},
		"refine_context":       {noParams(c.DecodeFrom), c.AppendTo},
		"work_result_0":        {noParams(g.DecodeFrom), g.AppendTo},
		"work_result_1":        {noParams(g.DecodeFrom), g.AppendTo},
	}[name]
	return found, ok
}

func noParams(f func(*codec.Decoder)) func(*codec.Decoder, *protocol.Params) {
	return func(d *codec.Decoder, _ *protocol.Params) { f(d) }
}

// codecVector decodes an object and encodes it again.
func codecVector(_ *Runner, f *file) error {
	c, ok := coderOf(f.name)
	if !ok {
		return errors.New("no type of this name")
	}
	d := codec.NewDecoder(f.data)
	c.decode(&d, f.params)
	if err := d.Finish(); err != nil {
		return err
	}
	got := c.append(nil)
	for i := range min(len(got), len(f.data)) {
		if got[i] != f.data[i] {
			return fmt.Errorf("octet %d is %#02x when encoded again, want %#02x", i, got[i], f.data[i])
		}
	}
	return same("encoding", len(got), len(f.data))
}
