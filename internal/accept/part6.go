package main

import (
	"strings"
	"time"
)

// part6 are the acceptance points of what people touch.
var part6 = []point{
	{"A0", "every demo is green from a fresh clone, and says so when its duty is broken", demos},
	{"A1", "a client that is not ours drives the RPC of a network", foreignClient},
	{"A2", "what a network tells by JIP-3 is what its chain has", telemetry},
	{"A3", "a browser sees what a network does", dashboardSeen},
	{"A4", "a newcomer gets on by the documents", documentation},
	{"A5", "damson pvm takes apart, puts together, compares and links all programs", workbench},
	{"A6", "damson doctor finds planted faults", doctor},
}

// telemetry runs a network of 36 slots that is loaded with packages, whose nodes tell a server what they do, and holds what they
// tell against what they have.
func telemetry(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run: "^TestNetwork$", packages: []string{"./node/telemetry/collect"}, timeout: 20 * time.Minute,
	})
	return strings.Join(figures, "; "), err
}

// doctor plants each fault, and looks whether it is found.
func doctor(h *hall) (string, error) {
	figures, err := h.tests(testOptions{run: "^TestFaults$", packages: []string{"./node/doctor"}, timeout: 10 * time.Minute})
	return strings.Join(figures, "; "), err
}
