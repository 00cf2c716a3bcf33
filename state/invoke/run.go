package invoke

import (
	"damson/internal/protocol"
	"damson/internal/pvm"
)

// Where the code of a service begins, and that of an authorizer. GP §B.
const (
	refineEntry     = 0
	authorizeEntry  = 0
	accumulateEntry = 5
)

// run is one invocation: Ψ_M with the context of its host calls.
type run struct {
	invoker *Invoker
	kind    invocation
	m       pvm.Machine
	spare   uint64 // gas beyond what the machine's counter holds

	acc *accumulation // in Ψ_A
	ref *refinement   // in Ψ_R
	pkg *work         // in Ψ_I and Ψ_R

	exit   pvm.Exit     // how it ended: never PageFault or HostCall
	output []byte       // what it returned
	used   protocol.Gas // u
	failed error        // why the node could not go on
}

// start is Ψ_M: it runs the standard program with the arguments until it ends. An error is a failure of this
// node. GP §A.8.
func (r *run) start(hash protocol.Hash, code []byte, entry uint64, gas protocol.Gas, args []byte) error {
	v := r.invoker
	p, err := v.programs.get(programKey{hash: hash}, code, v.engine)
	if err != nil {
		return err
	}
	r.exit = pvm.Exit{Reason: pvm.Panic}
	if p.image == nil {
		return nil
	}
	r.m.Mem = v.memories.take(p, v.engine)
	defer v.memories.giveBack(p, r.m.Mem)
	if p.image.Start(&r.m, args) != nil {
		return nil
	}
	r.m.PC = entry
	r.setGas(uint64(gas))
	r.exit = r.loop(p.code)
	if r.failed != nil {
		return r.failed
	}
	r.used = gas
	if r.exit.Reason != pvm.OutOfGas {
		r.used -= protocol.Gas(r.gas())
	}
	if r.exit.Reason == pvm.Halt {
		r.output = r.result()
	}
	return nil
}

// loop is Ψ_H: it runs the machine, and host calls in between. GP §A.6.
func (r *run) loop(code pvm.Code) pvm.Exit {
	for {
		exit := code.Run(&r.m)
		if exit.Reason == pvm.PageFault {
			exit.Reason = pvm.Panic
		}
		if exit.Reason != pvm.HostCall {
			return exit
		}
		switch r.call(exit.Arg) {
		case proceed:
		case panics:
			return pvm.Exit{Reason: pvm.Panic}
		case outOfGas:
			return pvm.Exit{Reason: pvm.OutOfGas}
		case fails:
			return pvm.Exit{Reason: pvm.Panic}
		}
	}
}

// result copies what the program returned: the octets that registers 7 and 8 name, or none. A guest may name far
// more memory than it ever wrote to. Since no more than W_R octets are ever of use, one more is all that is copied.
func (r *run) result() []byte {
	n := r.m.Regs[8]
	if !r.m.Mem.Readable(r.m.Regs[7], n) {
		return []byte{}
	}
	out := make([]byte, min(n, uint64(r.invoker.params.MaxReportBlobs)+1))
	r.m.Mem.Read(out, r.m.Regs[7])
	return out
}

// gas is ϱ.
func (r *run) gas() uint64 { return uint64(r.m.Gas) + r.spare }

func (r *run) setGas(gas uint64) {
	held := min(gas, pvm.GasCap)
	r.m.Gas, r.spare = int64(held), gas-held
}

// charge takes gas away, or reports false if there is not so much.
func (r *run) charge(gas uint64) bool {
	if uint64(r.m.Gas) < gas {
		left := r.gas()
		if left < gas {
			return false
		}
		r.setGas(left - gas)
		return true
	}
	r.m.Gas -= int64(gas)
	return true
}
