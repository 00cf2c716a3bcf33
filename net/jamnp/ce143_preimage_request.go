package jamnp

import "damson/internal/protocol"

// CE 143 asks with a HashRequest and is answered by the preimage.

// PreimageLimit bounds a preimage of the length announced: none that no block could bring is worth asking for.
func PreimageLimit(_ *protocol.Params, announced uint32) int {
	return min(int(announced), preimageOctets)
}
