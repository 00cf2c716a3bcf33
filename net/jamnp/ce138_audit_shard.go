package jamnp

import "damson/internal/protocol"

// CE 138 asks with a ShardRequest and is answered by a bundle's shard and a Justification of it, whose last step is the
// root of the segments' shards: that of CE 137 with it appended.

// AuditShardLimit bounds both messages of the answer of CE 138 together.
func AuditShardLimit(p *protocol.Params) int { return BundleShardLimit(p) + JustificationLimit(p) }

// ShardLimit bounds the three messages of the answer of CE 137 together.
func ShardLimit(p *protocol.Params) int { return AuditShardLimit(p) + ShardListLimit(p) }
