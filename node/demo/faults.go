package demo

// Fault is a duty that is broken on purpose: the demo that shows it must end with a verdict that says so. Only tests set one.
type Fault string

// The faults there are.
const (
	NoFault         Fault = ""
	WrongMachine    Fault = "wrong-machine"    // single: the recompiler, or what takes its place, gets a register wrong
	OtherGenesis    Fault = "other-genesis"    // network: a node is on another chain
	SealTwice       Fault = "seal-twice"       // authoring: half of the validators seal two blocks for each of their slots
	NoTickets       Fault = "no-tickets"       // authoring: nobody can make tickets
	VotesIgnored    Fault = "votes-ignored"    // consensus: nobody counts the votes of others
	TooFewVotes     Fault = "too-few-votes"    // consensus: less than two thirds are enough
	ShardsCorrupted Fault = "shards-corrupted" // availability: what validators hold is not what they were given
	DataWithheld    Fault = "data-withheld"    // availability: guarantors hand out nothing
	NobodyLooks     Fault = "nobody-looks"     // auditing: auditors call reports valid without a look
)

// Faults gives those of a demo.
func Faults(demo string) []Fault {
	return map[string][]Fault{
		"single": {WrongMachine}, "network": {OtherGenesis}, "authoring": {NoTickets, SealTwice}, "consensus": {VotesIgnored, TooFewVotes},
		"availability": {ShardsCorrupted, DataWithheld}, "auditing": {NobodyLooks},
	}[demo]
}
