package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// part5 are the acceptance points of work in-core: from a package to what it leaves in the state.
var part5 = []point{
	{"A1", "a network whose cores all have work", worked},
	{"A2", "data availability of the largest bundles", available},
	{"A3", "networks of whole nodes with bad work, simulated", badWork},
	{"A4", "figures of erasure coding, refinement and the token", workFigures},
	{"A5", "limits of packages", packageLimits},
}

// workSummary is what `damson testnet --with-work --json` tells.
type workSummary struct {
	Agree         bool    `json:"agree"`
	Slots         int     `json:"slots"`
	Submitted     int     `json:"packages_submitted"`
	Accumulated   int     `json:"packages_accumulated"`
	Exported      uint64  `json:"segments_exported"`
	Imported      uint64  `json:"segments_imported"`
	Balanced      bool    `json:"token_balanced"`
	Wrong         string  `json:"books_error"`
	PaysPerSecond float64 `json:"token_transfers_per_second"`
	Latencies     map[string]struct {
		Slots float64 `json:"mean_slots"`
	} `json:"latency"`
}

// check says what is not as it must be.
func (s *workSummary) check() error {
	var errs []error
	demand := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	demand(s.Agree, "the nodes do not agree")
	demand(s.Submitted > 0 && s.Accumulated*10 >= s.Submitted*9, "%d of %d packages were accumulated", s.Accumulated, s.Submitted)
	demand(s.Submitted >= 2*s.Slots*8/10, "%d packages for two cores in %d slots", s.Submitted, s.Slots)
	demand(s.Exported > 0 && s.Imported > 0, "%d segments were exported, %d imported", s.Exported, s.Imported)
	demand(s.Balanced, "books: %s", s.Wrong)
	return errors.Join(errs...)
}

func (s *workSummary) String() string {
	return fmt.Sprintf("%d of %d packages accumulated, after %.1f slots; %d segments exported, %d imported; %.0f transfers/s", s.Accumulated,
		s.Submitted, s.Latencies["accumulated"].Slots, s.Exported, s.Imported, s.PaysPerSecond)
}

// worked runs a network with work, by the recompiler and with both engines held against each other.
func worked(h *hall) (string, error) {
	binary, err := h.damson()
	if err != nil {
		return "", err
	}
	var said []string
	for _, engine := range []string{"auto", "verify"} {
		out, err := command(h.alone(), h.tmp, binary, "testnet", "--with-work", "--slots", "48", "--slot-duration", "1s", "--json", "--engine", engine)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		var s workSummary
		if bad := json.Unmarshal([]byte(lines[len(lines)-1]), &s); bad != nil {
			return strings.Join(said, "; "), errors.Join(err, bad)
		}
		said = append(said, engine+": "+s.String())
		if err := errors.Join(err, s.check()); err != nil {
			return strings.Join(said, "; "), fmt.Errorf("--engine %s: %w", engine, err)
		}
	}
	return strings.Join(said, "; "), nil
}

// available spreads bundles of the largest size and puts them together again from shards of every kind.
func available(h *hall) (string, error) {
	figures, err := h.tests(testOptions{run: "^TestDistribution$", packages: []string{"./internal/bundle"}, timeout: time.Hour})
	return strings.Join(figures, "; "), err
}

// packageLimits runs the tests at every limit, one below and one above: those of the table in docs/SPEC-NOTES.md.
func packageLimits(h *hall) (string, error) {
	var said []string
	for _, o := range []testOptions{
		{run: "Limit|TestRead|FuzzReadPackage", packages: []string{"./internal/bundle"}},
		{run: "Limit|^TestAdmission$|^TestBiggest$", packages: []string{"./node/guarantor"}},
		{run: "^TestErrors$|^TestAuthorize$|^TestAuthorizationGas$|^TestLookups$|Limit", packages: []string{"./state/workreport"}},
		{run: "Limit|^TestVectors$|^TestBroken$", packages: []string{"./state/invoke", "./state/reports", "./state/preimages"}},
		{run: "^TestAffordable$|^TestBlockGas$", packages: []string{"./state/accumulate"}},
		{run: "^TestRules$|^TestReadMessage$|^TestPromises$", packages: []string{"./net/jamnp"}},
	} {
		o.timeout = 20 * time.Minute
		figures, err := h.tests(o)
		said = append(said, figures...)
		if err != nil {
			return strings.Join(said, "; "), fmt.Errorf("%s: %w", o.packages[0], err)
		}
	}
	return strings.Join(said, "; "), nil
}
