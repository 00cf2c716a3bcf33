package invoke

// invocation is a set of invocations.
type invocation uint8

const (
	authorizing  invocation = 1 << iota // Ψ_I
	refining                            // Ψ_R
	accumulating                        // Ψ_A
	always       = authorizing | refining | accumulating
)

// signal is how a host call lets the program go on.
type signal uint8

const (
	proceed  signal = iota // ▸
	panics                 // ☇
	outOfGas               // ∞
	fails                  // this node cannot go on: see run.failed
)

// The results that host calls leave in register 7. GP §B.1.
const (
	resultOK   = 0
	resultNone = ^uint64(0) - iota + 1 // an item does not exist
	resultWhat                         // name unknown
	resultOOB                          // inner memory is not accessible
	resultWho                          // index unknown
	resultFull                         // storage full or resource already allocated
	resultCore                         // core index unknown
	resultCash                         // insufficient funds
	resultLow                          // gas limit too low
	resultHuh                          // already solicited, cannot be forgotten, or not allowed
)

// hostCall is one host call.
type hostCall struct {
	name    string
	cost    uint64 // g; transfer adds to it
	offered invocation
	do      func(*run) signal // nil: only the log's result
}

// callCost is what host calls cost that do not exist.
const callCost = 10

// calls is every host call of GP §B.5 to §B.7, by number: what it costs and which invocation offers it. The
// number of log, which is not in the Gray Paper, stands alone.
var calls = [...]hostCall{
	0:  {"gas", 10, always, (*run).callGas},
	1:  {"fetch", 10, always, (*run).callFetch},
	2:  {"lookup", 10, accumulating, (*run).callLookup},
	3:  {"read", 10, accumulating, (*run).callRead},
	4:  {"write", 10, accumulating, (*run).callWrite},
	5:  {"info", 10, accumulating, (*run).callInfo},
	6:  {"historical_lookup", 10, refining, (*run).callHistoricalLookup},
	7:  {"export", 10, refining, (*run).callExport},
	8:  {"machine", 10, refining, (*run).callMachine},
	9:  {"peek", 10, refining, (*run).callPeek},
	10: {"poke", 10, refining, (*run).callPoke},
	11: {"pages", 10, refining, (*run).callPages},
	12: {"invoke", 10, refining, (*run).callInvoke},
	13: {"expunge", 10, refining, (*run).callExpunge},
	14: {"bless", 10, accumulating, (*run).callBless},
	15: {"assign", 10, accumulating, (*run).callAssign},
	16: {"designate", 10, accumulating, (*run).callDesignate},
	17: {"checkpoint", 10, accumulating, (*run).callCheckpoint},
	18: {"new", 10, accumulating, (*run).callNew},
	19: {"upgrade", 10, accumulating, (*run).callUpgrade},
	20: {"transfer", 10, accumulating, (*run).callTransfer},
	21: {"eject", 10, accumulating, (*run).callEject},
	22: {"query", 10, accumulating, (*run).callQuery},
	23: {"solicit", 10, accumulating, (*run).callSolicit},
	24: {"forget", 10, accumulating, (*run).callForget},
	25: {"yield", 10, accumulating, (*run).callYield},
	26: {"provide", 10, accumulating, (*run).callProvide},

	logNumber: {"log", 10, always, (*run).callLog},
}

// logNumber is the host call of JIP-1.
const logNumber = 100

// call is F: it does the host call of this number, if the invocation offers it. GP §B.
func (r *run) call(number uint64) signal {
	if number < uint64(len(calls)) {
		if c := &calls[number]; c.offered&r.kind != 0 {
			if !r.charge(c.cost) {
				return outOfGas
			}
			return c.do(r)
		}
	}
	if !r.charge(callCost) {
		return outOfGas
	}
	return r.answer(resultWhat)
}

// answer leaves a result in register 7.
func (r *run) answer(result uint64) signal {
	r.m.Regs[7] = result
	return proceed
}
