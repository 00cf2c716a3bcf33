package devchain

import (
	_ "embed" // the chain
	"fmt"
	"strings"

	"damson/internal/protocol"
	"damson/internal/pvm"
)

//go:generate go run ./gen

// OwnArchive is the chain that the binary carries, as a trace in a .tar.zst archive.
//
//go:embed own.tar.zst
var OwnArchive []byte

// OwnOutcomes is what must come of its blocks, as [Outcomes] writes it.
//
//go:embed own.txt
var OwnOutcomes string

// Outcomes says what comes of the blocks of a chain, in lines that a person can review: name, slot, the root of the
// state after it, and for a block that must be refused the rule that it breaks.
func Outcomes(c *Chain) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-39s %4d %s\n", "genesis", 0, c.Genesis.Root())
	for i := range c.Steps {
		s := &c.Steps[i]
		line := fmt.Sprintf("%-39s %4d %s %s", s.Name, s.Slot, s.Post.Root(), s.Refusal)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// OwnRefusals gives the rules for which blocks of the chain that the binary carries must be refused, by name.
func OwnRefusals() map[string]protocol.Invalid {
	rules := make(map[string]protocol.Invalid)
	for line := range strings.Lines(OwnOutcomes) {
		if fields := strings.Fields(line); len(fields) == 4 {
			rules[fields[0]] = protocol.Invalid(fields[3])
		}
	}
	return rules
}

// Own authors the chain that the binary carries, on tiny parameters.
func Own(engine pvm.Engine) (*Chain, error) {
	p := protocol.Tiny()
	b := New(Options{Params: p, Engine: engine})
	a, err := NewAuthor(b, ownGenesis(b, p))
	if err != nil {
		return nil, err
	}
	s := &script{a}
	s.firstEpoch()
	s.secondEpoch()
	s.thirdEpoch()
	s.lastEpochs()
	return a.Chain, a.Err
}
