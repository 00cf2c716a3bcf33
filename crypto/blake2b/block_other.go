package blake2b

// sumNodesWide hashes nodes several at a time and returns how many it has done: here none.
func sumNodesWide([][Size]byte, [][NodeSize]byte) int { return 0 }
