package rpc

import (
	"damson/node/builder"
	"damson/state"
)

// readPackage tells how far a package has come, as far as the state tells, and gives its report as long as the state has it.
func readPackage(sigma *state.State, args arguments) (result, error) {
	stage, _, report, err := builder.Find(sigma, args.hash(0))
	if err != nil || stage == builder.Submitted {
		return nil, err
	}
	var blob []byte
	if report != nil {
		blob = report.AppendTo(nil)
	}
	return result{stage.String(), blob}, nil
}

// readQueue gives φ of a core. Of a core that is not there nothing is known.
func readQueue(sigma *state.State, args arguments) (result, error) {
	queues, err := sigma.AuthQueues()
	core := int(args.number())
	if err != nil || core >= len(queues) {
		return nil, err
	}
	list := make([][]byte, len(queues[core]))
	for i := range list {
		list[i] = queues[core][i][:]
	}
	return result{list}, nil
}
