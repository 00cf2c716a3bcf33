package jamnp

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// sample is a message with the limit of its kind.
type sample struct {
	name  string
	m     Message
	fresh func() Message
	limit int
}

func of[T any, M interface {
	*T
	Message
}](name string, m M, limit int) sample {
	return sample{name, m, func() Message { return M(new(T)) }, limit}
}

// segmentJustification is a Justification as CE 140 has it.
type segmentJustification struct{ Justification }

func (j *segmentJustification) Decode(b []byte, p *protocol.Params) error {
	return j.DecodeSegment(b, p)
}

func someHash(x byte) (h protocol.Hash) {
	for i := range h {
		h[i] = x + byte(i)
	}
	return h
}

func someHeader(slot protocol.Slot) block.Header {
	return block.Header{Parent: someHash(1), PriorStateRoot: someHash(2), ExtrinsicHash: someHash(3), Slot: slot, Author: 3}
}

func someReport() block.Report {
	return block.Report{
		AuthTrace: []byte("trace"), SegmentRoot: []block.SegmentRootEntry{{Package: someHash(4)}},
		Digests: []block.Digest{{Service: 5, Result: block.Result{Output: []byte("out")}}},
	}
}

func somePackage() block.WorkPackage {
	return block.WorkPackage{
		AuthToken: []byte("token"), Context: block.RefinementContext{Prerequisites: []protocol.Hash{someHash(9)}},
		Items: []block.WorkItem{{Payload: []byte("p"), Imports: []block.Import{{ByPackage: true, Index: 7}}, Extrinsics: []block.ExtrinsicRef{{Length: 3}}}},
	}
}

func samples(p *protocol.Params) []sample {
	blocks := make(Blocks, 2)
	for i := range blocks {
		blocks[i].Octets = (&block.Block{Header: someHeader(protocol.Slot(i))}).AppendTo(nil)
	}
	shard := bytes.Repeat([]byte{7}, SegmentShardOctets(p))
	segment := bytes.Repeat([]byte{8}, p.SegmentOctets())
	credentials := []block.Credential{{Validator: 1}, {Validator: 2}}
	audits := AuditList{Reports: []AuditedReport{{1, someHash(5)}}}
	steps := Justification{{HashStep, segment[:32]}, {PairStep, segment[:64]}}
	return []sample{
		of("handshake", &Handshake{Final{someHash(1), 2}, []Final{{someHash(3), 4}}}, HandshakeLimit(p)),
		of("announcement", &Announcement{Header: someHeader(4), Final: Final{someHash(5), 1}}, AnnouncementLimit(p)),
		of("blocks request", &BlocksRequest{someHash(1), DescendingInclusive, 5}, BlocksRequestLimit(p)),
		of("blocks", &blocks, BlocksLimit(p)),
		of("state request", &StateRangeRequest{Block: someHash(1), Maximum: 5}, StateRangeRequestLimit(p)),
		of("boundary nodes", &BoundaryNodes{{1}, {2}}, BoundaryLimit(p)),
		of("state entries", &StateEntries{{Key: protocol.StateKey{1}, Value: []byte("v")}, {Key: protocol.StateKey{2}}}, StateEntriesLimit(100)),
		of("ticket", &Ticket{3, block.TicketProof{Attempt: 1}}, TicketLimit(p)),
		of("package submission", &PackageSubmission{1, somePackage()}, PackageSubmissionLimit(p)),
		of("sharing", &Sharing{1, []block.SegmentRootEntry{{Package: someHash(1)}}}, SharingLimit(p)),
		of("refined", &Refined{Report: someHash(2)}, RefinedLimit(p)),
		of("guaranteed report", &GuaranteedReport{block.Guarantee{Report: someReport(), Slot: 5, Credentials: credentials}}, GuaranteedReportLimit(p)),
		of("hash request", &HashRequest{someHash(1)}, HashRequestLimit(p)),
		of("report", &ReportAnswer{someReport()}, ReportLimit(p)),
		of("shard request", &ShardRequest{someHash(1), 5}, ShardRequestLimit(p)),
		of("shards", &ShardList{shard, shard}, ShardListLimit(p)),
		of("justification", &steps, JustificationLimit(p)),
		of("justification of a segment", &segmentJustification{append(steps[:2:2], Step{ShardStep, shard})}, JustificationLimit(p)),
		of("segment shards request", &SegmentShardsRequest{{ShardRequest{someHash(1), 5}, []uint16{1, 2}}}, SegmentShardsRequestLimit(p)),
		of("assurance", &Assurance{Anchor: someHash(1), Bitfield: make([]byte, p.BitfieldOctets())}, AssuranceLimit(p)),
		of("beefy vote", &BeefySigned{Block: someHash(1), Validator: 5, Signature: [112]byte{7}}, BeefySignedLimit(p)),
		of("preimage announcement", &PreimageAnnounced{1, someHash(1), 5}, PreimageAnnouncedLimit(p)),
		of("audit announcement", &AuditAnnounced{someHash(1), 2, audits}, AuditAnnouncedLimit(p)),
		of("first evidence", &FirstEvidence{}, EvidenceLimit(p, 0, 1)),
		of("later evidence", &LaterEvidence{{NoShows: []NoShow{{1, audits}}}, {}}, EvidenceLimit(p, 1, 2)),
		of("judgment", &Judgment{Epoch: 1, Validator: 2, Report: someHash(1)}, JudgmentLimit(p)),
		of("judged guarantee", &JudgedGuarantee{5, credentials}, JudgedGuaranteeLimit(p)),
		of("package alone", &PackageAlone{somePackage()}, PackageAloneLimit(p)),
		of("segments", &Segments{segment, segment}, SegmentsLimit(p)),
		of("import proofs", &ImportProofs{{someHash(1), someHash(2)}, {}}, ImportProofsLimit(p)),
		of("segments request", &SegmentsRequest{{someHash(1), []uint16{1, 2}}}, SegmentsRequestLimit(p)),
	}
}

func TestMessages(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for _, s := range samples(p) {
			t.Run(s.name, func(t *testing.T) {
				octets := Encode(s.m)
				if len(octets) > s.limit {
					t.Errorf("%d octets, over the limit %d", len(octets), s.limit)
				}
				got := s.fresh()
				if err := got.Decode(octets, p); err != nil {
					t.Fatal(err)
				}
				if again := Encode(got); !bytes.Equal(again, octets) {
					t.Errorf("encodes as %x, want %x", again, octets)
				}
				if s.m.AppendTo([]byte("before"))[5] != 'e' {
					t.Error("AppendTo does not append")
				}
				refuses(t, s, octets, p)
			})
		}
	}
}

// refuses checks that neither a truncated message is taken, unless it is a shorter list, nor one with octets after it.
func refuses(t *testing.T, s sample, octets []byte, p *protocol.Params) {
	t.Helper()
	for n := range len(octets) {
		m := s.fresh()
		err := m.Decode(octets[:n], p)
		if err == nil && !bytes.Equal(Encode(m), octets[:n]) {
			t.Fatalf("cut to %d octets: taken for something else", n)
		}
		if _, known := errors.AsType[protocol.Invalid](err); err != nil && !known {
			t.Fatalf("cut to %d octets: %v is no rule", n, err)
		}
	}
	m := s.fresh()
	if err := m.Decode(append(octets[:len(octets):len(octets)], 0xee), p); err == nil {
		t.Error("an octet after the end is taken")
	}
}

func TestRules(t *testing.T) {
	p := protocol.Tiny()
	hash := someHash(1)
	indices := codec.AppendCount(nil, 2*p.MaxPackageImports+1)
	indices = append(indices, make([]byte, 2*(2*p.MaxPackageImports+1))...)
	for _, tc := range []struct {
		name  string
		m     Message
		bytes []byte
		rule  error
	}{
		{"direction", new(BlocksRequest), append(hash[:], 2, 0, 0, 0, 0), ErrDirection},
		{"leaves", new(Handshake), append(make([]byte, 36), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), codec.ErrCount},
		{"attempt", new(Ticket), append([]byte{0, 0, 0, 0, 3}, make([]byte, 784)...), ErrAttempt},
		{"core", new(Sharing), []byte{2, 0, 0}, ErrCore},
		{"too many look-ups", new(Sharing), append([]byte{0, 0, 9}, make([]byte, 9*64)...), codec.ErrCount},
		{"shard index", new(ShardRequest), append(hash[:], 6, 0), ErrShardIndex},
		{"shard step outside CE 140", new(Justification), append([]byte{2}, make([]byte, 2052)...), codec.ErrSelector},
		{"too many steps", new(Justification), make([]byte, 33*(MaxSteps+1)), codec.ErrCount},
		{"too many indices", new(SegmentShardsRequest), append(append(hash[:], 0, 0), indices...), codec.ErrCount},
		{"boundary nodes", new(BoundaryNodes), make([]byte, 64*(MaxBoundaryNodes+1)), codec.ErrCount},
		{"bitfield", new(Assurance), append(append(make([]byte, 32), 4), make([]byte, 64)...), ErrBitfield},
		{"one guarantor", new(JudgedGuarantee), append([]byte{0, 0, 0, 0, 1}, make([]byte, 66)...), ErrCredentials},
		{"four guarantors", new(JudgedGuarantee), append([]byte{0, 0, 0, 0, 4}, make([]byte, 4*66)...), codec.ErrCount},
		{"validator", new(Judgment), append([]byte{0, 0, 0, 0, 6, 0, 1}, make([]byte, 96)...), ErrValidator},
		{"validity", new(Judgment), append([]byte{0, 0, 0, 0, 5, 0, 2}, make([]byte, 96)...), codec.ErrSelector},
		{"empty package", new(PackageAlone), (&block.WorkPackage{}).AppendTo(nil), codec.ErrEmptyList},
		{"long proof", new(ImportProofs), append([]byte{13}, make([]byte, 13*32)...), codec.ErrCount},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.m.Decode(tc.bytes, p); !errors.Is(err, tc.rule) {
				t.Errorf("got %v, want %v", err, tc.rule)
			}
		})
	}
}

func TestSplitExtrinsics(t *testing.T) {
	w := &block.WorkPackage{Items: []block.WorkItem{
		{Extrinsics: []block.ExtrinsicRef{{Length: 2}, {Length: 0}}}, {}, {Extrinsics: []block.ExtrinsicRef{{Length: 3}}},
	}}
	got, err := SplitExtrinsics(w, []byte("abcde"))
	if err != nil || string(got[0][0]) != "ab" || len(got[0][1]) != 0 || string(got[2][0]) != "cde" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"abcd", "abcdef", ""} {
		if _, err := SplitExtrinsics(w, []byte(bad)); !errors.Is(err, ErrExtrinsics) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestReadMessage(t *testing.T) {
	long := make([]byte, 5*readStep+3)
	for i := range long {
		long[i] = byte(rand.Uint32())
	}
	stream := AppendMessage(AppendMessage(AppendMessage(nil, []byte("one")), nil), long)
	r := iotest.OneByteReader(bytes.NewReader(stream))
	for _, want := range [][]byte{[]byte("one"), {}, long} {
		got, err := ReadMessage(r, len(long))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d octets, %v; want %d", len(got), err, len(want))
		}
	}
	if _, err := ReadMessage(r, 10); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	for n := 1; n < 7; n++ {
		if _, err := ReadMessage(bytes.NewReader(stream[:n]), 10); !errors.Is(err, ErrCut) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
	if _, err := ReadMessage(bytes.NewReader(stream), 2); !errors.Is(err, ErrOversized) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := ReadMessage(iotest.ErrReader(io.ErrClosedPipe), 2); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("broken stream: %v", err)
	}
}

// TestPromises: a peer that promises much and sends nothing costs little.
func TestPromises(t *testing.T) {
	promise := []byte{0xff, 0xff, 0xff, 0x7f}
	perRun := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadMessage(bytes.NewReader(promise), 1<<31-1); !errors.Is(err, ErrCut) {
				b.Fatal(err)
			}
		}
	}).AllocedBytesPerOp()
	if perRun > 2*readStep {
		t.Errorf("%d octets allocated", perRun)
	}
}
