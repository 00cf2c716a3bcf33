package main

import (
	"strings"
	"time"
)

// part4 are the acceptance points of the living chain: networks of validators, real ones and simulated ones.
var part4 = []point{
	{"A1", "a network of validators by one command", networks},
	{"A2", "half an hour of protocol time", protocolTime},
	{"A3", "nodes that were killed, or off for long", comingBack},
	{"A4", "networks of whole nodes with faults, simulated", simulations},
	{"A5", "hostile peers", peers},
	{"A6", "the full set of validators, simulated", fullSet},
	{"A7", "announcements and tickets", throughput},
}

const simPackage = "./node/sim"

// simulations runs a thousand seeds, some again, and plants mistakes to see that they are noticed.
func simulations(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run: "^(TestSim|TestReplay|TestMistakes)$", packages: []string{simPackage}, timeout: 2 * time.Hour,
	})
	return strings.Join(figures, "; "), err
}

// fullSet runs two epochs of a chain with 1,023 validators.
func fullSet(h *hall) (string, error) {
	figures, err := h.tests(testOptions{run: "^TestFullSet$", packages: []string{simPackage}, timeout: 2 * time.Hour})
	return strings.Join(figures, "; "), err
}
