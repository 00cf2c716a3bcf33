package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// networkSummary is what `damson testnet --json` prints.
type networkSummary struct {
	Slots      int     `json:"slots"`
	Missed     int     `json:"blocks_missed"`
	Forks      int     `json:"forks"`
	Ticketed   int     `json:"ticketed_blocks"`
	Agree      bool    `json:"agree"`
	StateRoot  string  `json:"state_root"`
	Lag        float64 `json:"finality_lag_slots"`
	LagMax     int     `json:"finality_lag_slots_max"`
	FinalP95   float64 `json:"finality_p95_seconds"`
	Fallback   []int   `json:"fallback_blocks_by_epoch"`
	Healed     *bool   `json:"healed"`
	Equivocate uint64  `json:"equivocations"`
}

func (s *networkSummary) String() string {
	return fmt.Sprintf("%d of %d slots filled, finality %.2f slots behind, %d at most, p95 %.2f s after the beginning of a slot, %d forks, %d sealed with tickets",
		s.Slots-s.Missed, s.Slots, s.Lag, s.LagMax, s.FinalP95, s.Forks, s.Ticketed)
}

// testnet runs a network in a folder where nothing else is, by a command.
func testnet(env []string, dir string, name string, args ...string) (*networkSummary, error) {
	out, err := command(env, dir, name, args...)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	s := new(networkSummary)
	lines := strings.Split(strings.TrimSpace(out), "\n") // go run may have said something before
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), s); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	if !s.Agree || s.StateRoot == "" {
		return s, errors.New("the nodes do not agree")
	}
	return s, nil
}

// alone is an environment in which nothing is at hand but the repository.
func (h *hall) alone() []string {
	return []string{"DAMSON_VECTORS=", "DAMSON_SRS=", "XDG_DATA_HOME=" + filepath.Join(h.tmp, "data"), "CGO_ENABLED=0"}
}

// networks runs the README's main command in a clean clone, in one process and in several.
func networks(h *hall) (string, error) {
	clone := filepath.Join(h.tmp, "fresh-network", "damson")
	if err := freshClone(clone); err != nil {
		return "", err
	}
	var figures []string
	for _, more := range [][]string{nil, {"--separate-processes"}} {
		args := append([]string{"run", "./cmd/damson", "testnet", "--slots", "36", "--slot-duration", "1s", "--json"}, more...)
		s, err := testnet(h.alone(), clone, "go", args...)
		if err != nil {
			return strings.Join(figures, "; "), err
		}
		figures = append(figures, fmt.Sprintf("%s: %s", strings.Join(append([]string{"testnet"}, more...), " "), s))
		const mostMissed, mostLag, third = 2, 3, 2
		switch {
		case s.Missed > mostMissed:
			err = fmt.Errorf("%d slots without a block", s.Missed)
		case s.LagMax > mostLag:
			err = fmt.Errorf("finality was %d slots behind", s.LagMax)
		case len(s.Fallback) <= third || s.Fallback[third] > 0:
			err = fmt.Errorf("the third epoch was not sealed with tickets alone: %v", s.Fallback)
		}
		if err != nil {
			return strings.Join(figures, "; "), err
		}
	}
	return strings.Join(figures, "; "), nil
}

// protocolTime runs a network for half an hour at the protocol's slots.
func protocolTime(h *hall) (string, error) {
	binary, err := h.damson()
	if err != nil {
		return "", err
	}
	s, err := testnet(h.alone(), h.tmp, binary, "testnet", "--duration", "30m", "--json")
	if err != nil {
		return "", err
	}
	if s.Missed > 0 {
		err = fmt.Errorf("%d slots without a block", s.Missed)
	}
	if s.FinalP95 > 12 {
		err = errors.Join(err, fmt.Errorf("p95 of finality is %.1f s", s.FinalP95))
	}
	return s.String(), err
}

// comingBack kills nodes and lets them come back.
func comingBack(h *hall) (string, error) {
	binary, err := h.damson()
	if err != nil {
		return "", err
	}
	s, err := testnet(h.alone(), h.tmp, binary, "testnet", "--scenario", "restart", "--slots", "60", "--slot-duration", "1s", "--json")
	if err != nil {
		return "", err
	}
	if s.Equivocate > 0 || s.Healed == nil || !*s.Healed {
		return s.String(), errors.New("the node that was killed did not come back as it should")
	}
	figures, err := h.tests(testOptions{
		run: "^(TestComingBack|TestExitCodes|TestConfig)$", packages: []string{"./cmd/damson"}, timeout: time.Hour,
	})
	return "killed and back: " + s.String() + "; " + strings.Join(figures, "; "), err
}

// peers runs what is known of hostile ones, and fuzzes the decoder of every kind of stream.
func peers(h *hall) (string, error) {
	figures, err := h.tests(testOptions{
		run: "^(TestForeignHandshakes|TestForeignServers|TestExpectedPeer|TestHostileRequests|TestHostileAnswers|TestManyStreams|TestMemory|" +
			"TestPersistentRule|TestPersistentFraming|TestUnaskedPersistent|TestStalled|TestStalledSlowly|TestReadMessage|TestRules|TestPromises|" +
			"TestMalformed|TestHostile|TestFlood)$",
		packages: []string{"./net/quic", "./net/jamnp", "./node/gossip", "./node/finality"}, timeout: time.Hour,
	})
	if err != nil {
		return strings.Join(figures, "; "), err
	}
	all, err := targets([]string{"./net/...", "./node/finality"})
	if err != nil {
		return strings.Join(figures, "; "), err
	}
	const parts = 20 // so many targets take as long as one of another point
	each := h.fuzzTime / parts
	errs := fuzzSideBySide(all, func(target) time.Duration { return each }, func(t target, said string, _ error) {
		fmt.Fprintf(os.Stderr, "  %s: %s\n", t, strings.TrimSpace(said))
	})
	return strings.Join(append(figures, fmt.Sprintf("%d fuzz targets, %s each", len(all), each)), "; "), errors.Join(errs...)
}

// throughput measures how fast a block is announced, and tickets are made.
func throughput(h *hall) (string, error) {
	lines, _, err := h.benchProcess("./net/quic", "Announce", "500x")
	if err != nil {
		return "", err
	}
	proofs, _, err := h.benchProcess("./crypto/bandersnatch", "Prove", "20x")
	if err != nil {
		return "", err
	}
	fanOut, peer := valueOf(lines, "Announce", "ms-p99-all"), valueOf(lines, "Announce", "ms-p99-peer")
	words := []string{fmt.Sprintf("announcement to 100 peers: p99 %.1f ms for one, %.1f ms until all have it", peer, fanOut)}
	if fanOut == 0 {
		err = errors.New("no figure of announcements")
	}
	for _, ring := range []string{"ring=6/workers=1", "ring=6/workers=2", "ring=1023/workers=1", "ring=1023/workers=2"} {
		rate := valueOf(proofs, ring, "proofs/s")
		if rate == 0 {
			err = errors.Join(err, fmt.Errorf("no figure of %s", ring))
		}
		words = append(words, fmt.Sprintf("%s %.1f tickets/s", ring, rate))
	}
	return strings.Join(words, ", "), err
}
