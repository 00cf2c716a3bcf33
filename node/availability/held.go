package availability

// Held gives of how many reports shards are held.
func (k *Keeper) Held() int { return len(k.held) }
