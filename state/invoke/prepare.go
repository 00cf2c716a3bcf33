package invoke

import "damson/internal/protocol"

// Prepared says whether code is at hand, or is being made ready, by the hash of the preimage that holds it.
func (v *Invoker) Prepared(hash protocol.Hash) bool {
	v.programs.mu.Lock()
	defer v.programs.mu.Unlock()
	return v.programs.byKey[programKey{hash: hash}] != nil
}

// Prepare makes a service's code ready to run. If that fails, a run of it will say why.
func (v *Invoker) Prepare(hash protocol.Hash, code []byte) {
	_, _ = v.programs.get(programKey{hash: hash}, code, v.engine)
}
