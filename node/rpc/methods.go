package rpc

import (
	"encoding/json"
	"strings"
)

// method is a row of the table: what clients may ask for, from which requests are checked, answered and documented.
type method struct {
	name    string
	about   string
	params  []param
	results []value
	null    string // when the result is null; empty: never
	submits bool   // it changes something: only clients who are trusted may
	ours    bool   // it is not in JIP-2

	// One of these three says what it does.
	call  func(*Server, *call) (result, *Error)
	watch func(*Server, *tip, arguments) (json.RawMessage, error) // a subscription: what it tells of a head
	of    *method                                                 // it ends subscriptions of a method

	which int // of a subscription, where the argument finalized is; -1: it has none
	final bool
}

// value is something in a result.
type value struct {
	name string
	kind kind
}

func (m *method) subscribes() bool { return m.watch != nil }

// split takes the argument finalized off those of a subscription.
func (m *method) split(args arguments) (rest arguments, final bool) {
	if m.which < 0 {
		return args, m.final
	}
	return args[:m.which], args.bool(m.which)
}

// Parameters that several methods have.
var (
	atBlock   = param{name: "header_hash", kind: kindHash, about: "The block whose posterior state is read."}
	ofService = param{name: "service", kind: kindService, about: "The service."}
	ofKey     = param{name: "key", kind: kindBlob, about: "The key, as the service has it."}
	ofHash    = param{name: "hash", kind: kindHash, about: "The hash of the preimage."}
	ofLength  = param{name: "length", kind: kindU32, about: "The length of the preimage in octets."}
	finalized = param{
		name: "finalized", kind: kindBool, optional: true,
		about: "True: follow the finalized block. False, or left out: follow the best block, which may never be final.",
	}
)

const unknownState = "the posterior state of the block is not known"

var head = []value{{"header_hash", kindHash}, {"slot", kindSlot}}

// questions are the methods that are no subscriptions, in the order of JIP-2.
func questions() []*method {
	return []*method{
		{
			name: "parameters", about: "Gives the parameters of the chain.",
			results: []value{{"parameters", kindParameters}}, call: (*Server).parameters,
		},
		{name: "bestBlock", about: "Gives the head of the best chain.", results: head, call: (*Server).bestBlock},
		{name: "finalizedBlock", about: "Gives the latest finalized block.", results: head, call: (*Server).finalizedBlock},
		{
			name: "parent", about: "Gives the parent of a block.", results: head, null: "the parent is not known",
			params: []param{{name: "header_hash", kind: kindHash, about: "The block."}}, call: (*Server).parent,
		},
		{
			name: "stateRoot", about: "Gives the posterior state root of a block.", results: []value{{"state_root", kindHash}},
			null: "the block is not known", params: []param{{name: "header_hash", kind: kindHash, about: "The block."}},
			call: (*Server).stateRoot,
		},
		{
			name: "statistics", about: "Gives the activity statistics, encoded as the state has them: C(13) of GP §D.1.",
			results: []value{{"statistics", kindBlob}}, null: unknownState, params: []param{atBlock}, call: stateful(readStatistics),
		},
		{
			name: "serviceData", about: "Gives the account of a service, encoded as the state has it: C(255, s) of GP §D.1. " +
				"The blob is null if the state has no such service.",
			results: []value{{"service_data", kindBlob}}, null: unknownState, params: []param{atBlock, ofService},
			call: stateful(readService),
		},
		{
			name: "serviceValue", about: "Gives what a service has stored under a key.", results: []value{{"value", kindBlob}},
			null: "there is no value, or " + unknownState, params: []param{atBlock, ofService, ofKey}, call: stateful(readValue),
		},
		{
			name: "servicePreimage", about: "Gives a preimage that a service has.", results: []value{{"preimage", kindBlob}},
			null: "there is no preimage, or " + unknownState, params: []param{atBlock, ofService, ofHash}, call: stateful(readPreimage),
		},
		{
			name: "serviceRequest", about: "Gives the slots of a service's request for a preimage: GP §9.2.",
			results: []value{{"slots", kindSlots}}, null: "there is no request, or " + unknownState,
			params: []param{atBlock, ofService, ofHash, ofLength}, call: stateful(readRequest),
		},
		{
			name: "beefyRoot", about: "Gives the BEEFY root of a block.", results: []value{{"beefy_root", kindHash}},
			null: unknownState, params: []param{{name: "header_hash", kind: kindHash, about: "The block."}}, call: (*Server).beefyRoot,
		},
		{
			name: "submitWorkPackage", about: "Submits a work package to the guarantors of a core.", submits: true,
			params: []param{
				{name: "core", kind: kindCore, about: "The core."},
				{name: "package", kind: kindBlob, about: "The encoded work package."},
				{name: "extrinsics", kind: kindBlobs, about: "The extrinsics of all its items, in their order."},
			}, call: (*Server).submitWorkPackage,
		},
		{
			name: "submitPreimage", about: "Submits a preimage that a service has requested.", submits: true,
			params: []param{
				{name: "service", kind: kindService, about: "The service that has an outstanding request."},
				{name: "preimage", kind: kindBlob, about: "The preimage."},
				{name: "header_hash", kind: kindHash, about: "A block that must be in the best chain."},
			}, call: (*Server).submitPreimage,
		},
		{
			name: "listServices", about: "Lists the services, at most 65,536.", results: []value{{"services", kindServices}},
			null: unknownState, params: []param{atBlock}, call: stateful(readServices),
		},
	}
}

// additions are questions of ours, which JIP-2 does not have.
func additions() []*method {
	return []*method{
		{
			name: "packageStage", about: "Tells how far a work package has come: guaranteed, available or accumulated. The report, encoded as in " +
				"blocks, comes with it until it is accumulated, and is null then.",
			results: []value{{"stage", kindStage}, {"report", kindBlob}}, null: "the state does not know the package, or " + unknownState,
			params: []param{atBlock, {name: "package", kind: kindHash, about: "The hash of the package."}}, ours: true,
			call: stateful(readPackage),
		},
		{
			name: "authorizerQueue", about: "Gives the queue of authorizers of a core.", results: []value{{"authorizers", kindBlobs}},
			null: "there is no such core, or " + unknownState, ours: true,
			params: []param{atBlock, {name: "core", kind: kindCore, about: "The core."}}, call: stateful(readQueue),
		},
		{
			name: "status", about: "Tells how the node is: heads, peers, pools, counters.", results: []value{{"status", kindStatus}},
			ours: true, call: (*Server).status,
		},
	}
}

// subscriptions are the rest of JIP-2. Each of a state's reading takes what the question takes, without the block, and says which
// head it follows.
func subscriptions(byName map[string]*method) []*method {
	list := []*method{
		{name: "subscribeBestBlock", about: "Tells the head of the best chain when it moves.", results: head, which: -1, watch: watchBlock},
		{
			name: "subscribeFinalizedBlock", about: "Tells the latest finalized block when it moves.", results: head,
			which: -1, final: true, watch: watchBlock,
		},
	}
	for _, reading := range []struct {
		of    string
		about string
		read  reading
	}{
		{"statistics", "Tells the activity statistics when they change.", readStatistics},
		{"serviceData", "Tells the account of a service when it changes.", readService},
		{"serviceValue", "Tells what a service has stored under a key when it changes.", readValue},
		{"servicePreimage", "Tells a preimage that a service has when it comes or goes.", readPreimage},
		{"serviceRequest", "Tells the slots of a service's request for a preimage when they change.", readRequest},
	} {
		question := byName[reading.of]
		m := &method{
			name: "subscribe" + strings.ToUpper(reading.of[:1]) + reading.of[1:], about: reading.about, results: question.results,
			watch: watching(reading.read), which: len(question.params) - 1,
		}
		m.params = append(append(m.params, question.params[1:]...), finalized)
		if question.null != unknownState {
			m.null, _, _ = strings.Cut(question.null, ", or ")
		}
		list = append(list, m)
	}
	return list
}

// tabulate makes the table, and gives the names in its order.
func tabulate() (map[string]*method, []string) {
	byName := make(map[string]*method)
	var names []string
	add := func(m *method) {
		byName[m.name] = m
		names = append(names, m.name)
	}
	for _, m := range append(questions(), additions()...) {
		add(m)
	}
	for _, m := range subscriptions(byName) {
		add(m)
		add(&method{
			name: "un" + m.name, about: "Ends a subscription of " + m.name + ". It tells whether there was one.",
			params:  []param{{name: "subscription", kind: kindID, about: "What " + m.name + " gave."}},
			results: []value{{"ended", kindBool}}, of: m,
		})
	}
	return byName, names
}
