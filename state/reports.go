package state

import (
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// Reports is ρ: for each core the report whose data is being made available, or nil. GP eq:reportingstate.
type Reports []*Assignment

// Assignment is a report that waits for its availability.
type Assignment struct {
	Report block.Report
	Slot   protocol.Slot // t: when it was reported
}

// DecodeReports reads C(10). Blobs in the reports alias the input.
func DecodeReports(d *codec.Decoder, p *protocol.Params) Reports {
	reports := make(Reports, p.Cores)
	for i := range reports {
		if !d.Bool() {
			continue
		}
		a := new(Assignment)
		a.Report.DecodeFrom(d, p)
		if int(a.Report.Core) >= p.Cores { // the parts index by it
			d.Fail(codec.ErrTooLarge)
		}
		a.Slot = protocol.Slot(d.U32())
		reports[i] = a
	}
	return reports
}

// AppendTo appends C(10).
func (r Reports) AppendTo(b []byte) []byte {
	for _, a := range r {
		b = codec.AppendBool(b, a != nil)
		if a != nil {
			b = a.Report.AppendTo(b)
			b = codec.AppendU32(b, uint32(a.Slot))
		}
	}
	return b
}
