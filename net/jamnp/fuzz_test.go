package jamnp

import (
	"bytes"
	"testing"

	"damson/internal/protocol"
)

// fuzzDecode checks of arbitrary octets that they are refused or are just what the message read from them encodes as.
func fuzzDecode[T any, M interface {
	*T
	Message
}](f *testing.F) {
	tiny, full := protocol.Tiny(), protocol.Full()
	for _, p := range []*protocol.Params{tiny, full} {
		for _, s := range samples(p) {
			if _, ok := s.m.(M); ok {
				f.Add(Encode(s.m), p == full)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, isFull bool) {
		p := tiny
		if isFull {
			p = full
		}
		m := M(new(T))
		if err := m.Decode(b, p); err != nil {
			return
		}
		if again := Encode(m); !bytes.Equal(again, b) {
			t.Errorf("%x is read, and written as %x", b, again)
		}
	})
}

func FuzzHandshake(f *testing.F)            { fuzzDecode[Handshake](f) }
func FuzzAnnouncement(f *testing.F)         { fuzzDecode[Announcement](f) }
func FuzzBlocksRequest(f *testing.F)        { fuzzDecode[BlocksRequest](f) }
func FuzzBlocks(f *testing.F)               { fuzzDecode[Blocks](f) }
func FuzzStateRangeRequest(f *testing.F)    { fuzzDecode[StateRangeRequest](f) }
func FuzzBoundaryNodes(f *testing.F)        { fuzzDecode[BoundaryNodes](f) }
func FuzzStateEntries(f *testing.F)         { fuzzDecode[StateEntries](f) }
func FuzzTicket(f *testing.F)               { fuzzDecode[Ticket](f) }
func FuzzPackageSubmission(f *testing.F)    { fuzzDecode[PackageSubmission](f) }
func FuzzSharing(f *testing.F)              { fuzzDecode[Sharing](f) }
func FuzzRefined(f *testing.F)              { fuzzDecode[Refined](f) }
func FuzzGuaranteedReport(f *testing.F)     { fuzzDecode[GuaranteedReport](f) }
func FuzzHashRequest(f *testing.F)          { fuzzDecode[HashRequest](f) }
func FuzzReportAnswer(f *testing.F)         { fuzzDecode[ReportAnswer](f) }
func FuzzShardRequest(f *testing.F)         { fuzzDecode[ShardRequest](f) }
func FuzzShardList(f *testing.F)            { fuzzDecode[ShardList](f) }
func FuzzJustification(f *testing.F)        { fuzzDecode[Justification](f) }
func FuzzSegmentJustification(f *testing.F) { fuzzDecode[segmentJustification](f) }
func FuzzSegmentShardsRequest(f *testing.F) { fuzzDecode[SegmentShardsRequest](f) }
func FuzzAssurance(f *testing.F)            { fuzzDecode[Assurance](f) }
func FuzzBeefySigned(f *testing.F)          { fuzzDecode[BeefySigned](f) }
func FuzzPreimageAnnounced(f *testing.F)    { fuzzDecode[PreimageAnnounced](f) }
func FuzzAuditAnnounced(f *testing.F)       { fuzzDecode[AuditAnnounced](f) }
func FuzzFirstEvidence(f *testing.F)        { fuzzDecode[FirstEvidence](f) }
func FuzzLaterEvidence(f *testing.F)        { fuzzDecode[LaterEvidence](f) }
func FuzzJudgment(f *testing.F)             { fuzzDecode[Judgment](f) }
func FuzzJudgedGuarantee(f *testing.F)      { fuzzDecode[JudgedGuarantee](f) }
func FuzzPackageAlone(f *testing.F)         { fuzzDecode[PackageAlone](f) }
func FuzzSegments(f *testing.F)             { fuzzDecode[Segments](f) }
func FuzzImportProofs(f *testing.F)         { fuzzDecode[ImportProofs](f) }
func FuzzSegmentsRequest(f *testing.F)      { fuzzDecode[SegmentsRequest](f) }

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte{3, 0, 0, 0, 'o', 'n', 'e'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadMessage(bytes.NewReader(b), 1<<20)
		if again := AppendMessage(nil, m); err == nil && !bytes.HasPrefix(b, again) {
			t.Errorf("%x is read, and written as %x", b, again)
		}
	})
}
