package telemetry

// Code is the discriminator of an event.
type Code uint8

// The events.
const (
	Dropped                      Code = 0
	Status                       Code = 10
	BestBlockChanged             Code = 11
	FinalizedBlockChanged        Code = 12
	SyncStatusChanged            Code = 13
	ConnectionRefused            Code = 20
	ConnectingIn                 Code = 21
	ConnectInFailed              Code = 22
	ConnectedIn                  Code = 23
	ConnectingOut                Code = 24
	ConnectOutFailed             Code = 25
	ConnectedOut                 Code = 26
	Disconnected                 Code = 27
	PeerMisbehaved               Code = 28
	Authoring                    Code = 40
	AuthoringFailed              Code = 41
	Authored                     Code = 42
	Importing                    Code = 43
	BlockVerificationFailed      Code = 44
	BlockVerified                Code = 45
	BlockExecutionFailed         Code = 46
	BlockExecuted                Code = 47
	AnnouncementStreamOpened     Code = 60
	AnnouncementStreamClosed     Code = 61
	BlockAnnounced               Code = 62
	SendingBlockRequest          Code = 63
	ReceivingBlockRequest        Code = 64
	BlockRequestFailed           Code = 65
	BlockRequestSent             Code = 66
	BlockRequestReceived         Code = 67
	BlockTransferred             Code = 68
	GeneratingTickets            Code = 80
	TicketGenerationFailed       Code = 81
	TicketsGenerated             Code = 82
	TicketTransferFailed         Code = 83
	TicketTransferred            Code = 84
	PackageSubmission            Code = 90
	PackageShared                Code = 91
	PackageFailed                Code = 92
	DuplicatePackage             Code = 93
	PackageReceived              Code = 94
	Authorized                   Code = 95
	ExtrinsicsReceived           Code = 96
	ImportsReceived              Code = 97
	SharingPackage               Code = 98
	PackageSharingFailed         Code = 99
	BundleSent                   Code = 100
	Refined                      Code = 101
	ReportBuilt                  Code = 102
	ReportSignatureSent          Code = 103
	ReportSignatureReceived      Code = 104
	GuaranteeBuilt               Code = 105
	SendingGuarantee             Code = 106
	GuaranteeSendFailed          Code = 107
	GuaranteeSent                Code = 108
	GuaranteesDistributed        Code = 109
	ReceivingGuarantee           Code = 110
	GuaranteeReceiveFailed       Code = 111
	GuaranteeReceived            Code = 112
	GuaranteeDiscarded           Code = 113
	SendingShardRequest          Code = 120
	ReceivingShardRequest        Code = 121
	ShardRequestFailed           Code = 122
	ShardRequestSent             Code = 123
	ShardRequestReceived         Code = 124
	ShardsTransferred            Code = 125
	DistributingAssurance        Code = 126
	AssuranceSendFailed          Code = 127
	AssuranceSent                Code = 128
	AssuranceDistributed         Code = 129
	AssuranceReceiveFailed       Code = 130
	AssuranceReceived            Code = 131
	SendingBundleShardRequest    Code = 140
	ReceivingBundleShardRequest  Code = 141
	BundleShardRequestFailed     Code = 142
	BundleShardRequestSent       Code = 143
	BundleShardRequestReceived   Code = 144
	BundleShardTransferred       Code = 145
	ReconstructingBundle         Code = 146
	BundleReconstructed          Code = 147
	SendingBundleRequest         Code = 148
	ReceivingBundleRequest       Code = 149
	BundleRequestFailed          Code = 150
	BundleRequestSent            Code = 151
	BundleRequestReceived        Code = 152
	BundleTransferred            Code = 153
	PackageHashMapped            Code = 160
	SegmentsRootMapped           Code = 161
	SendingSegmentShardRequest   Code = 162
	ReceivingSegmentShardRequest Code = 163
	SegmentShardRequestFailed    Code = 164
	SegmentShardRequestSent      Code = 165
	SegmentShardRequestReceived  Code = 166
	SegmentShardsTransferred     Code = 167
	ReconstructingSegments       Code = 168
	SegmentReconstructionFailed  Code = 169
	SegmentsReconstructed        Code = 170
	SegmentVerificationFailed    Code = 171
	SegmentsVerified             Code = 172
	SendingSegmentRequest        Code = 173
	ReceivingSegmentRequest      Code = 174
	SegmentRequestFailed         Code = 175
	SegmentRequestSent           Code = 176
	SegmentRequestReceived       Code = 177
	SegmentsTransferred          Code = 178
	PreimageAnnouncementFailed   Code = 190
	PreimageAnnounced            Code = 191
	AnnouncedPreimageForgotten   Code = 192
	SendingPreimageRequest       Code = 193
	ReceivingPreimageRequest     Code = 194
	PreimageRequestFailed        Code = 195
	PreimageRequestSent          Code = 196
	PreimageRequestReceived      Code = 197
	PreimageTransferred          Code = 198
	PreimageDiscarded            Code = 199
)

// field is one of an event's.
type field struct {
	name string
	kind kind
}

// form is how an event is encoded, after its time and its code.
type form struct {
	name   string
	fields []field
}

// Fields that many events have.
var (
	ref = field{"event", u64} // the event that this one follows
	who = field{"peer", key}
	why = field{"reason", reason}
)

// forms are the events of JIP-3, by their codes.
var forms = [256]form{
	Dropped:                      {"dropped", []field{{"last", timestamp}, {"count", u64}}},
	Status:                       {"status", []field{{"peers", u32}, {"validator_peers", u32}, {"announcing_peers", u32}, {"guarantees", perCore}, {"shards", u32}, {"shard_octets", u64}, {"preimages", u32}, {"preimage_octets", u32}}},
	BestBlockChanged:             {"best_block_changed", []field{{"slot", slot}, {"hash", hash}}},
	FinalizedBlockChanged:        {"finalized_block_changed", []field{{"slot", slot}, {"hash", hash}}},
	SyncStatusChanged:            {"sync_status_changed", []field{{"in_sync", flag}}},
	ConnectionRefused:            {"connection_refused", []field{{"address", address}}},
	ConnectingIn:                 {"connecting_in", []field{{"address", address}}},
	ConnectInFailed:              {"connect_in_failed", []field{ref, why}},
	ConnectedIn:                  {"connected_in", []field{ref, who}},
	ConnectingOut:                {"connecting_out", []field{who, {"address", address}}},
	ConnectOutFailed:             {"connect_out_failed", []field{ref, why}},
	ConnectedOut:                 {"connected_out", []field{ref}},
	Disconnected:                 {"disconnected", []field{who, {"terminator", optionalSide}, why}},
	PeerMisbehaved:               {"peer_misbehaved", []field{who, why}},
	Authoring:                    {"authoring", []field{{"slot", slot}, {"parent", hash}}},
	AuthoringFailed:              {"authoring_failed", []field{ref, why}},
	Authored:                     {"authored", []field{ref, {"block", blockOutline}}},
	Importing:                    {"importing", []field{{"slot", slot}, {"block", blockOutline}}},
	BlockVerificationFailed:      {"block_verification_failed", []field{ref, why}},
	BlockVerified:                {"block_verified", []field{ref}},
	BlockExecutionFailed:         {"block_execution_failed", []field{ref, why}},
	BlockExecuted:                {"block_executed", []field{ref, {"services", list(accumulateCost, 144)}}},
	AnnouncementStreamOpened:     {"announcement_stream_opened", []field{who, {"opener", side}}},
	AnnouncementStreamClosed:     {"announcement_stream_closed", []field{who, {"closer", side}, why}},
	BlockAnnounced:               {"block_announced", []field{who, {"announcer", side}, {"slot", slot}, {"hash", hash}}},
	SendingBlockRequest:          {"sending_block_request", []field{who, {"hash", hash}, {"direction", enum(1)}, {"maximum", u32}}},
	ReceivingBlockRequest:        {"receiving_block_request", []field{who}},
	BlockRequestFailed:           {"block_request_failed", []field{ref, why}},
	BlockRequestSent:             {"block_request_sent", []field{ref}},
	BlockRequestReceived:         {"block_request_received", []field{ref, {"hash", hash}, {"direction", enum(1)}, {"maximum", u32}}},
	BlockTransferred:             {"block_transferred", []field{ref, {"slot", slot}, {"block", blockOutline}, {"last", flag}}},
	GeneratingTickets:            {"generating_tickets", []field{{"epoch", u32}}},
	TicketGenerationFailed:       {"ticket_generation_failed", []field{ref, why}},
	TicketsGenerated:             {"tickets_generated", []field{ref, {"outputs", list(hash, 32)}}},
	TicketTransferFailed:         {"ticket_transfer_failed", []field{who, {"sender", side}, {"from_proxy", flag}, why}},
	TicketTransferred:            {"ticket_transferred", []field{who, {"sender", side}, {"from_proxy", flag}, {"epoch", u32}, {"attempt", attempt}, {"output", hash}}},
	PackageSubmission:            {"package_submission", []field{who, {"with_imports", flag}}},
	PackageShared:                {"package_shared", []field{who}},
	PackageFailed:                {"package_failed", []field{ref, why}},
	DuplicatePackage:             {"duplicate_package", []field{ref, {"core", core}, {"package", hash}}},
	PackageReceived:              {"package_received", []field{ref, {"core", core}, {"package", packageOutline}}},
	Authorized:                   {"authorized", []field{ref, {"cost", authorizationCost}}},
	ExtrinsicsReceived:           {"extrinsics_received", []field{ref}},
	ImportsReceived:              {"imports_received", []field{ref}},
	SharingPackage:               {"sharing_package", []field{ref, who}},
	PackageSharingFailed:         {"package_sharing_failed", []field{ref, who, why}},
	BundleSent:                   {"bundle_sent", []field{ref, who}},
	Refined:                      {"refined", []field{ref, {"costs", list(refineCost, 104)}}},
	ReportBuilt:                  {"report_built", []field{ref, {"report", reportOutline}}},
	ReportSignatureSent:          {"report_signature_sent", []field{ref}},
	ReportSignatureReceived:      {"report_signature_received", []field{ref, who}},
	GuaranteeBuilt:               {"guarantee_built", []field{ref, {"guarantee", guaranteeOutline}}},
	SendingGuarantee:             {"sending_guarantee", []field{ref, who}},
	GuaranteeSendFailed:          {"guarantee_send_failed", []field{ref, why}},
	GuaranteeSent:                {"guarantee_sent", []field{ref}},
	GuaranteesDistributed:        {"guarantees_distributed", []field{ref}},
	ReceivingGuarantee:           {"receiving_guarantee", []field{who}},
	GuaranteeReceiveFailed:       {"guarantee_receive_failed", []field{ref, why}},
	GuaranteeReceived:            {"guarantee_received", []field{ref, {"guarantee", guaranteeOutline}}},
	GuaranteeDiscarded:           {"guarantee_discarded", []field{{"guarantee", guaranteeOutline}, {"cause", enum(4)}}},
	SendingShardRequest:          {"sending_shard_request", []field{who, {"erasure_root", hash}, {"shard", u16}}},
	ReceivingShardRequest:        {"receiving_shard_request", []field{who}},
	ShardRequestFailed:           {"shard_request_failed", []field{ref, why}},
	ShardRequestSent:             {"shard_request_sent", []field{ref}},
	ShardRequestReceived:         {"shard_request_received", []field{ref, {"erasure_root", hash}, {"shard", u16}}},
	ShardsTransferred:            {"shards_transferred", []field{ref}},
	DistributingAssurance:        {"distributing_assurance", []field{{"anchor", hash}, {"bitfield", bitfield}}},
	AssuranceSendFailed:          {"assurance_send_failed", []field{ref, who, why}},
	AssuranceSent:                {"assurance_sent", []field{ref, who}},
	AssuranceDistributed:         {"assurance_distributed", []field{ref}},
	AssuranceReceiveFailed:       {"assurance_receive_failed", []field{who, why}},
	AssuranceReceived:            {"assurance_received", []field{who, {"anchor", hash}}},
	SendingBundleShardRequest:    {"sending_bundle_shard_request", []field{{"audit", u64}, who, {"shard", u16}}},
	ReceivingBundleShardRequest:  {"receiving_bundle_shard_request", []field{who}},
	BundleShardRequestFailed:     {"bundle_shard_request_failed", []field{ref, why}},
	BundleShardRequestSent:       {"bundle_shard_request_sent", []field{ref}},
	BundleShardRequestReceived:   {"bundle_shard_request_received", []field{ref, {"erasure_root", hash}, {"shard", u16}}},
	BundleShardTransferred:       {"bundle_shard_transferred", []field{ref}},
	ReconstructingBundle:         {"reconstructing_bundle", []field{{"audit", u64}, {"trivial", flag}}},
	BundleReconstructed:          {"bundle_reconstructed", []field{{"audit", u64}}},
	SendingBundleRequest:         {"sending_bundle_request", []field{{"audit", u64}, who}},
	ReceivingBundleRequest:       {"receiving_bundle_request", []field{who}},
	BundleRequestFailed:          {"bundle_request_failed", []field{ref, why}},
	BundleRequestSent:            {"bundle_request_sent", []field{ref}},
	BundleRequestReceived:        {"bundle_request_received", []field{ref, {"erasure_root", hash}}},
	BundleTransferred:            {"bundle_transferred", []field{ref}},
	PackageHashMapped:            {"package_hash_mapped", []field{ref, {"package", hash}, {"segments_root", hash}}},
	SegmentsRootMapped:           {"segments_root_mapped", []field{ref, {"segments_root", hash}, {"erasure_root", hash}}},
	SendingSegmentShardRequest:   {"sending_segment_shard_request", []field{ref, who, {"proven", flag}, {"shards", list(shardOf, 4)}}},
	ReceivingSegmentShardRequest: {"receiving_segment_shard_request", []field{who, {"proven", flag}}},
	SegmentShardRequestFailed:    {"segment_shard_request_failed", []field{ref, why}},
	SegmentShardRequestSent:      {"segment_shard_request_sent", []field{ref}},
	SegmentShardRequestReceived:  {"segment_shard_request_received", []field{ref, {"count", u16}}},
	SegmentShardsTransferred:     {"segment_shards_transferred", []field{ref}},
	ReconstructingSegments:       {"reconstructing_segments", []field{ref, {"segments", list(u16, 2)}, {"trivial", flag}}},
	SegmentReconstructionFailed:  {"segment_reconstruction_failed", []field{ref, why}},
	SegmentsReconstructed:        {"segments_reconstructed", []field{ref}},
	SegmentVerificationFailed:    {"segment_verification_failed", []field{ref, {"segments", list(u16, 2)}, why}},
	SegmentsVerified:             {"segments_verified", []field{ref, {"segments", list(u16, 2)}}},
	SendingSegmentRequest:        {"sending_segment_request", []field{ref, who, {"segments", list(u16, 2)}}},
	ReceivingSegmentRequest:      {"receiving_segment_request", []field{who}},
	SegmentRequestFailed:         {"segment_request_failed", []field{ref, why}},
	SegmentRequestSent:           {"segment_request_sent", []field{ref}},
	SegmentRequestReceived:       {"segment_request_received", []field{ref, {"count", u16}}},
	SegmentsTransferred:          {"segments_transferred", []field{ref}},
	PreimageAnnouncementFailed:   {"preimage_announcement_failed", []field{who, {"announcer", side}, why}},
	PreimageAnnounced:            {"preimage_announced", []field{who, {"announcer", side}, {"service", service}, {"hash", hash}, {"length", u32}}},
	AnnouncedPreimageForgotten:   {"announced_preimage_forgotten", []field{{"service", service}, {"hash", hash}, {"length", u32}, {"cause", enum(5)}}},
	SendingPreimageRequest:       {"sending_preimage_request", []field{who, {"hash", hash}}},
	ReceivingPreimageRequest:     {"receiving_preimage_request", []field{who}},
	PreimageRequestFailed:        {"preimage_request_failed", []field{ref, why}},
	PreimageRequestSent:          {"preimage_request_sent", []field{ref}},
	PreimageRequestReceived:      {"preimage_request_received", []field{ref, {"hash", hash}}},
	PreimageTransferred:          {"preimage_transferred", []field{ref, {"length", u32}}},
	PreimageDiscarded:            {"preimage_discarded", []field{{"hash", hash}, {"length", u32}, {"cause", enum(3)}}},
}

func (c Code) String() string {
	if name := forms[c].name; name != "" {
		return name
	}
	return "unknown"
}
