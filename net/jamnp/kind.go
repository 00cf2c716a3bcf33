// Package jamnp has the messages of JAMNP-S, the protocol in which nodes talk to each other: what is sent on the streams
// of each kind, one file a kind, and what whoever carries them must do ([Network]).
//
// It knows octets and streams, and no state: whether a message is right is for the duty that wants it.
package jamnp

// Kind is the first octet of a stream: which protocol is spoken on it.
type Kind uint8

// The kinds of streams. UP streams stay; CE streams carry one request and its answer.
const (
	BlockAnnouncement     Kind = 0 // UP
	BlockRequest          Kind = 128
	StateRequest          Kind = 129
	TicketToProxy         Kind = 131 // from who made it
	TicketFromProxy       Kind = 132 // to all validators
	WorkPackage           Kind = 133
	PackageSharing        Kind = 134
	ReportDistribution    Kind = 135
	ReportRequest         Kind = 136
	ShardDistribution     Kind = 137
	AuditShardRequest     Kind = 138
	SegmentShards         Kind = 139
	ProvenSegmentShards   Kind = 140
	AssuranceDistribution Kind = 141
	PreimageAnnouncement  Kind = 142
	PreimageRequest       Kind = 143
	AuditAnnouncement     Kind = 144
	JudgmentPublication   Kind = 145
	WorkBundle            Kind = 146
	BundleRequest         Kind = 147
	SegmentRequest        Kind = 148
)

// UniquePersistent says whether streams of the kind are UP streams.
func (k Kind) UniquePersistent() bool { return k < 128 }
