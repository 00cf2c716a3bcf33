package rpc

import (
	"math"

	"damson/internal/protocol"
)

// Parameters is JIP-2's object of the chain's constants, in its order.
type Parameters struct {
	DepositPerAccount       uint64 `json:"deposit_per_account"`         // B_S
	DepositPerItem          uint64 `json:"deposit_per_item"`            // B_I
	DepositPerByte          uint64 `json:"deposit_per_byte"`            // B_L
	MinTurnaroundPeriod     uint64 `json:"min_turnaround_period"`       // D
	EpochPeriod             uint64 `json:"epoch_period"`                // E
	MaxAccumulateGas        uint64 `json:"max_accumulate_gas"`          // G_A
	MaxIsAuthorizedGas      uint64 `json:"max_is_authorized_gas"`       // G_I
	MaxRefineGas            uint64 `json:"max_refine_gas"`              // G_R
	BlockGasLimit           uint64 `json:"block_gas_limit"`             // G_T
	RecentBlockCount        uint64 `json:"recent_block_count"`          // H
	MaxWorkItems            uint64 `json:"max_work_items"`              // I
	MaxDependencies         uint64 `json:"max_dependencies"`            // J
	MaxTicketsPerBlock      uint64 `json:"max_tickets_per_block"`       // K
	MaxLookupAnchorAge      uint64 `json:"max_lookup_anchor_age"`       // L
	TicketsAttemptsNumber   uint64 `json:"tickets_attempts_number"`     // N
	AuthWindow              uint64 `json:"auth_window"`                 // O
	AuthQueueLen            uint64 `json:"auth_queue_len"`              // Q
	RotationPeriod          uint64 `json:"rotation_period"`             // R
	MaxExtrinsics           uint64 `json:"max_extrinsics"`              // T
	AvailabilityTimeout     uint64 `json:"availability_timeout"`        // U
	ValCount                uint64 `json:"val_count"`                   // V
	MaxInput                uint64 `json:"max_input"`                   // W_B
	MaxRefineCodeSize       uint64 `json:"max_refine_code_size"`        // W_C
	BasicPieceLen           uint64 `json:"basic_piece_len"`             // W_E
	MaxImports              uint64 `json:"max_imports"`                 // W_M
	MaxIsAuthorizedCodeSize uint64 `json:"max_is_authorized_code_size"` // W_A of the paper
	MaxExports              uint64 `json:"max_exports"`                 // W_X
	MaxRefineMemory         uint64 `json:"max_refine_memory"`
	MaxIsAuthorizedMemory   uint64 `json:"max_is_authorized_memory"`
}

// addressSpace is what a guest may use of memory: the paper knows no lower bound. GP §A.
const addressSpace = 1 << 32

// ParametersOf gives the object for the constants of a chain.
func ParametersOf(p *protocol.Params) *Parameters {
	return &Parameters{
		DepositPerAccount: uint64(p.ServiceDeposit), DepositPerItem: uint64(p.ItemDeposit), DepositPerByte: uint64(p.OctetDeposit),
		MinTurnaroundPeriod: uint64(p.ExpungePeriod), EpochPeriod: uint64(p.EpochLength),
		MaxAccumulateGas: uint64(p.ReportGas), MaxIsAuthorizedGas: uint64(p.AuthorizationGas),
		MaxRefineGas: uint64(p.RefineGas), BlockGasLimit: uint64(p.BlockGas),
		RecentBlockCount: uint64(p.RecentBlocks), MaxWorkItems: uint64(p.MaxPackageItems), MaxDependencies: uint64(p.MaxReportDeps),
		MaxTicketsPerBlock: uint64(p.MaxBlockTickets), MaxLookupAnchorAge: uint64(p.LookupAnchorAge),
		TicketsAttemptsNumber: uint64(p.TicketAttempts), AuthWindow: uint64(p.AuthPoolSize), AuthQueueLen: uint64(p.AuthQueueSize),
		RotationPeriod: uint64(p.RotationPeriod), MaxExtrinsics: uint64(p.MaxPackageExtrinsics),
		AvailabilityTimeout: uint64(p.AvailabilityTimeout), ValCount: uint64(p.Validators),
		MaxInput: uint64(p.MaxBundle), MaxRefineCodeSize: uint64(p.MaxServiceCode),
		BasicPieceLen: uint64(p.PieceOctets), MaxImports: uint64(p.MaxPackageImports),
		MaxIsAuthorizedCodeSize: uint64(p.MaxAuthorizerCode), MaxExports: uint64(p.MaxPackageExports),
		MaxRefineMemory: addressSpace, MaxIsAuthorizedMemory: addressSpace,
	}
}

// Params gives the constants of a chain as far as the object tells; the others are those of the paper. There is a core for every three
// validators, and segments are as long as everywhere.
func (o *Parameters) Params() *protocol.Params {
	p := protocol.Full()
	octets := p.SegmentOctets()
	p.ServiceDeposit, p.ItemDeposit = protocol.Balance(o.DepositPerAccount), protocol.Balance(o.DepositPerItem)
	p.OctetDeposit = protocol.Balance(o.DepositPerByte)
	p.ReportGas, p.AuthorizationGas = protocol.Gas(o.MaxAccumulateGas), protocol.Gas(o.MaxIsAuthorizedGas)
	p.RefineGas, p.BlockGas = protocol.Gas(o.MaxRefineGas), protocol.Gas(o.BlockGasLimit)
	p.ExpungePeriod, p.EpochLength = protocol.Slot(o.MinTurnaroundPeriod), protocol.Slot(o.EpochPeriod)
	p.LookupAnchorAge, p.RotationPeriod = protocol.Slot(o.MaxLookupAnchorAge), protocol.Slot(o.RotationPeriod)
	p.AvailabilityTimeout = protocol.Slot(o.AvailabilityTimeout)
	for at, value := range map[*int]uint64{
		&p.RecentBlocks: o.RecentBlockCount, &p.MaxPackageItems: o.MaxWorkItems, &p.MaxReportDeps: o.MaxDependencies,
		&p.MaxBlockTickets: o.MaxTicketsPerBlock, &p.TicketAttempts: o.TicketsAttemptsNumber, &p.AuthPoolSize: o.AuthWindow,
		&p.AuthQueueSize: o.AuthQueueLen, &p.MaxPackageExtrinsics: o.MaxExtrinsics, &p.Validators: o.ValCount,
		&p.Cores: o.ValCount / 3, &p.MaxBundle: o.MaxInput, &p.MaxServiceCode: o.MaxRefineCodeSize, &p.PieceOctets: o.BasicPieceLen,
		&p.MaxPackageImports: o.MaxImports, &p.MaxAuthorizerCode: o.MaxIsAuthorizedCodeSize, &p.MaxPackageExports: o.MaxExports,
	} {
		*at = int(min(value, math.MaxInt32))
	}
	p.SegmentPieces = octets / max(p.PieceOctets, 1)
	return p
}

func (s *Server) parameters(*call) (result, *Error) {
	return result{map[string]*Parameters{"V1": ParametersOf(s.params)}}, nil
}
