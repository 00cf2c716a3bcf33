package jamnp

import "damson/internal/protocol"

// CE 147 asks with a HashRequest of the erasure root and is answered by the bundle.

// BundleRequestLimit bounds a request for a bundle.
func BundleRequestLimit(p *protocol.Params) int { return HashRequestLimit(p) }
