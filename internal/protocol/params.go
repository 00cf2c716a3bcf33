package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// Params are the constants of a chain, GP §I.4.4. They are a value: whoever needs one is handed it.
// Make one with Tiny, Full or DecodeParams; the derived figures at the end depend on the others.
type Params struct {
	ItemDeposit          Balance // B_I: the deposit per item of service state
	OctetDeposit         Balance // B_L: the deposit per octet of service state
	ServiceDeposit       Balance // B_S: the deposit of every service
	Cores                int     // C
	ExpungePeriod        Slot    // D: after it an unreferenced preimage may be expunged
	EpochLength          Slot    // E
	ReportGas            Gas     // G_A: accumulation of one report
	AuthorizationGas     Gas     // G_I: is-authorized of one package
	RefineGas            Gas     // G_R: refinement of one package
	BlockGas             Gas     // G_T: all accumulation of one block
	RecentBlocks         int     // H
	MaxPackageItems      int     // I
	MaxReportDeps        int     // J: prerequisites and segment-root look-ups of a report
	MaxBlockTickets      int     // K
	LookupAnchorAge      Slot    // L
	TicketAttempts       int     // N: per validator
	AuthPoolSize         int     // O
	SlotSeconds          int     // P
	AuthQueueSize        int     // Q
	RotationPeriod       Slot    // R
	MaxPackageExtrinsics int     // T
	AvailabilityTimeout  Slot    // U
	Validators           int     // V
	MaxAuthorizerCode    int     // W_A, octets
	MaxBundle            int     // W_B, octets
	MaxServiceCode       int     // W_C, octets
	PieceOctets          int     // W_E: an erasure-coding piece
	MaxPackageImports    int     // W_M
	SegmentPieces        int     // W_P
	MaxReportBlobs       int     // W_R, octets
	MemoOctets           int     // W_T
	MaxPackageExports    int     // W_X
	ContestLength        Slot    // Y: slots into an epoch at which tickets end
}

// Constants that no chain may choose. GP §I.4.4.
const (
	// MinPublicService is S, the first service index that anybody may create.
	MinPublicService ServiceID = 1 << 16
	// ParamsSize is the length of the encoding that the fetch host call gives. GP §B.5.
	ParamsSize = 134
	// AuditTrancheSeconds is A, the period between audit tranches.
	AuditTrancheSeconds = 8
	// AuditBias is F, the auditors added for each one that did not show up.
	AuditBias = 2
)

// Full gives the parameters of the Gray Paper.
func Full() *Params {
	return &Params{
		ItemDeposit: 10, OctetDeposit: 1, ServiceDeposit: 100,
		Cores: 341, ExpungePeriod: 19_200, EpochLength: 600,
		ReportGas: 10_000_000, AuthorizationGas: 50_000_000, RefineGas: 5_000_000_000, BlockGas: 3_500_000_000,
		RecentBlocks: 8, MaxPackageItems: 16, MaxReportDeps: 8, MaxBlockTickets: 16,
		LookupAnchorAge: 14_400, TicketAttempts: 2, AuthPoolSize: 8, SlotSeconds: 6, AuthQueueSize: 80,
		RotationPeriod: 10, MaxPackageExtrinsics: 128, AvailabilityTimeout: 5, Validators: 1023,
		MaxAuthorizerCode: 64_000, MaxBundle: 13_791_360, MaxServiceCode: 4_000_000,
		PieceOctets: 684, MaxPackageImports: 3072, SegmentPieces: 6,
		MaxReportBlobs: 48 << 10, MemoOctets: 128, MaxPackageExports: 3072, ContestLength: 500,
	}
}

// Tiny gives the parameters of the official test chains: six validators, two cores.
func Tiny() *Params {
	p := Full()
	p.Cores, p.ExpungePeriod, p.EpochLength = 2, 32, 12
	p.RefineGas, p.BlockGas = 1_000_000_000, 20_000_000
	p.MaxBlockTickets, p.LookupAnchorAge, p.TicketAttempts = 3, 24, 3
	p.RotationPeriod, p.Validators = 4, 6
	p.PieceOctets, p.SegmentPieces, p.ContestLength = 4, 1026, 10
	return p
}

// Named gives the parameters of a chain known by name: "tiny" or "full".
func Named(name string) (*Params, bool) {
	switch name {
	case "tiny":
		return Tiny(), true
	case "full":
		return Full(), true
	}
	return nil, false
}

// SegmentOctets is W_G, the length of a segment.
func (p *Params) SegmentOctets() int { return p.SegmentPieces * p.PieceOctets }

// SegmentFootprint is W_F, what one imported segment adds to a bundle with its proof.
func (p *Params) SegmentFootprint() int { return p.SegmentOctets() + 32*ceilLog2(p.MaxPackageImports) }

// SuperMajority is ⌊2V/3⌋ + 1.
func (p *Params) SuperMajority() int { return p.Validators*2/3 + 1 }

// WonkyVotes is ⌊V/3⌋, the positive judgments of a report that is neither good nor bad.
func (p *Params) WonkyVotes() int { return p.Validators / 3 }

// RecoveryThreshold is the number of shards that suffice to recover data. GP §H.
func (p *Params) RecoveryThreshold() int { return p.PieceOctets / 2 }

// BitfieldOctets is the length of an assurance's bitfield.
func (p *Params) BitfieldOctets() int { return (p.Cores + 7) / 8 }

// Epoch gives e and m of a slot: the epoch and the slot's place in it. GP §6.1.
func (p *Params) Epoch(s Slot) (epoch uint32, phase Slot) {
	return uint32(s / p.EpochLength), s % p.EpochLength
}

func ceilLog2(n int) int {
	bits := 0
	for 1<<bits < n {
		bits++
	}
	return bits
}

// field is one entry of the parameters' encoding: its width in octets, and how to read and set it.
type field struct {
	name  string
	width int
	get   func(*Params) uint64
	set   func(*Params, uint64)
}

func of[T ~int | ~uint32 | ~uint64](name string, width int, at func(*Params) *T) field {
	return field{
		name: name, width: width,
		get: func(p *Params) uint64 { return uint64(*at(p)) },
		set: func(p *Params, v uint64) { *at(p) = T(v) },
	}
}

// layout is the encoding of the constants in the order of the fetch host call. GP §B.5.
func layout() []field {
	return []field{
		of("B_I item deposit", 8, func(p *Params) *Balance { return &p.ItemDeposit }),
		of("B_L octet deposit", 8, func(p *Params) *Balance { return &p.OctetDeposit }),
		of("B_S service deposit", 8, func(p *Params) *Balance { return &p.ServiceDeposit }),
		of("C cores", 2, func(p *Params) *int { return &p.Cores }),
		of("D expunge period", 4, func(p *Params) *Slot { return &p.ExpungePeriod }),
		of("E epoch length", 4, func(p *Params) *Slot { return &p.EpochLength }),
		of("G_A report gas", 8, func(p *Params) *Gas { return &p.ReportGas }),
		of("G_I authorization gas", 8, func(p *Params) *Gas { return &p.AuthorizationGas }),
		of("G_R refine gas", 8, func(p *Params) *Gas { return &p.RefineGas }),
		of("G_T block gas", 8, func(p *Params) *Gas { return &p.BlockGas }),
		of("H recent blocks", 2, func(p *Params) *int { return &p.RecentBlocks }),
		of("I package items", 2, func(p *Params) *int { return &p.MaxPackageItems }),
		of("J report dependencies", 2, func(p *Params) *int { return &p.MaxReportDeps }),
		of("K block tickets", 2, func(p *Params) *int { return &p.MaxBlockTickets }),
		of("L lookup anchor age", 4, func(p *Params) *Slot { return &p.LookupAnchorAge }),
		of("N ticket attempts", 2, func(p *Params) *int { return &p.TicketAttempts }),
		of("O authorization pool", 2, func(p *Params) *int { return &p.AuthPoolSize }),
		of("P slot seconds", 2, func(p *Params) *int { return &p.SlotSeconds }),
		of("Q authorization queue", 2, func(p *Params) *int { return &p.AuthQueueSize }),
		of("R rotation period", 2, func(p *Params) *Slot { return &p.RotationPeriod }),
		of("T package extrinsics", 2, func(p *Params) *int { return &p.MaxPackageExtrinsics }),
		of("U availability timeout", 2, func(p *Params) *Slot { return &p.AvailabilityTimeout }),
		of("V validators", 2, func(p *Params) *int { return &p.Validators }),
		of("W_A authorizer code", 4, func(p *Params) *int { return &p.MaxAuthorizerCode }),
		of("W_B bundle", 4, func(p *Params) *int { return &p.MaxBundle }),
		of("W_C service code", 4, func(p *Params) *int { return &p.MaxServiceCode }),
		of("W_E piece octets", 4, func(p *Params) *int { return &p.PieceOctets }),
		of("W_M package imports", 4, func(p *Params) *int { return &p.MaxPackageImports }),
		of("W_P segment pieces", 4, func(p *Params) *int { return &p.SegmentPieces }),
		of("W_R report blobs", 4, func(p *Params) *int { return &p.MaxReportBlobs }),
		of("W_T memo octets", 4, func(p *Params) *int { return &p.MemoOctets }),
		of("W_X package exports", 4, func(p *Params) *int { return &p.MaxPackageExports }),
		of("Y contest length", 4, func(p *Params) *Slot { return &p.ContestLength }),
	}
}

// Set sets the constant with a symbol of GP §I.4.4, such as "V" or "W_B". [Params.Validate] is left to the caller, who may
// have others to set.
func (p *Params) Set(symbol string, value uint64) error {
	for _, f := range layout() {
		if name, _, _ := strings.Cut(f.name, " "); name != symbol {
			continue
		}
		if f.width < 8 && value>>(8*f.width) != 0 {
			return fmt.Errorf("protocol parameters: %s: %d does not fit in %d octets", f.name, value, f.width)
		}
		f.set(p, value)
		return nil
	}
	return fmt.Errorf("protocol parameters: no constant %q", symbol)
}

// All gives every constant in the order of the encoding: its symbol and name, as "V validators", and its value.
func (p *Params) All() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, f := range layout() {
			if !yield(f.name, f.get(p)) {
				return
			}
		}
	}
}

// AppendTo appends the 134-octet encoding that the fetch host call gives. GP §B.5.
func (p *Params) AppendTo(b []byte) []byte {
	for _, f := range layout() {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], f.get(p))
		b = append(b, word[:f.width]...)
	}
	return b
}

// DecodeParams reads the 134-octet encoding and validates it.
func DecodeParams(b []byte) (*Params, error) {
	if len(b) != ParamsSize {
		return nil, fmt.Errorf("protocol parameters: %d octets, want %d", len(b), ParamsSize)
	}
	p := new(Params)
	for _, f := range layout() {
		var word [8]byte
		copy(word[:], b[:f.width])
		f.set(p, binary.LittleEndian.Uint64(word[:]))
		b = b[f.width:]
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Bounds that keep hostile parameters from making the node allocate without reason.
const (
	maxValidators  = 1 << 14
	maxEpochLength = 1 << 20
)

// Validate says which rule between the constants is broken, if one is.
func (p *Params) Validate() error {
	var errs []error
	rule := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New("protocol parameters: "+text))
		}
	}
	for _, f := range layout() {
		rule(f.get(p) > 0 || f.width == 8, f.name+" must not be zero")
	}
	rule(p.Validators <= maxValidators, "V is over 16384")
	rule(p.EpochLength <= maxEpochLength, "E is over 2^20")
	rule(p.Validators >= 3 && p.Cores == p.Validators/3, "C must be V/3")
	rule(p.ContestLength < p.EpochLength, "Y must be less than E")
	rule(uint64(p.SuperMajority())*uint64(p.TicketAttempts) >= uint64(p.EpochLength), "(2V/3 + 1) N must reach E")
	rule(p.PieceOctets%2 == 0 && p.PieceOctets/2 <= p.Validators, "W_E must be even and W_E/2 at most V")
	rule(p.MemoOctets == 128, "W_T must be 128")
	rule(p.TicketAttempts <= 128, "N is over 128: an entry index would not be encoded in one octet")
	return errors.Join(errs...)
}
