package main

import (
	"cmp"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// latencies are the bounds of a family over the socket, in ms; 0 means that none is set.
var latencies = []struct {
	family            string
	must, stretch     float64 // p50
	must90, stretch90 float64
}{
	{"fallback", 0.8, 0.5, 0.95, 0.8},
	{"safrole", 4.0, 3.0, 7.0, 4.5},
	{"storage", 1.5, 1.0, 2.5, 1.5},
	{"storage_light", 1.3, 0.9, 2.0, 1.3},
	{"preimages-001-050", 1.4, 0.9, 0, 0},
	{"preimages_light", 1.4, 0.9, 0, 0},
	{"fuzzy-001-100", 2.2, 1.6, 0, 0},
	{"fuzzy_light", 2.2, 1.6, 0, 0},
}

const (
	socketRuns   = 7 // of each family, each with a fresh process; the figure is their median
	epochMillis  = 5 // the most that a block may take which begins an epoch
	tailRatio    = 3 // p99 is at most so many times p90
	socketEngine = "jit"
)

// driveReport is what `damson fuzz-drive --json` prints.
type driveReport struct {
	Stats struct {
		Steps      int     `json:"steps"`
		Mismatched int     `json:"mismatched"`
		P50        float64 `json:"import_p50"`
		P90        float64 `json:"import_p90"`
		P99        float64 `json:"import_p99"`
		Max        float64 `json:"import_max"`
		Epochs     int     `json:"epoch_changes"`
		EpochMax   float64 `json:"import_epoch_max"`
	} `json:"stats"`
}

// socketSpeed times the first pass of fresh processes. Other jobs of the machine show in the yardstick, which is taken
// beside each family.
func socketSpeed(h *hall) (string, error) {
	var figures []string
	var errs []error
	for _, l := range latencies {
		var p50, p90, p99, slowest, epoch, units []float64
		for range socketRuns {
			r, err := h.drive(socketEngine, filepath.Join(h.vectors, "traces", l.family+".tar.zst"))
			if err == nil && (r.Stats.Mismatched > 0 || r.Stats.Steps == 0) {
				err = fmt.Errorf("%d steps, %d wrong", r.Stats.Steps, r.Stats.Mismatched)
			}
			if err != nil {
				return strings.Join(figures, "; "), errors.Join(append(errs, fmt.Errorf("%s: %w", l.family, err))...)
			}
			s := &r.Stats
			p50, p90, p99, slowest = append(p50, s.P50), append(p90, s.P90), append(p99, s.P99), append(slowest, s.Max)
			epoch, units = append(epoch, s.EpochMax), append(units, verifyMillis())
		}
		at50, at90, at99, atEpoch, unit := median(p50), median(p90), median(p99), median(epoch), median(units)
		figures = append(figures, fmt.Sprintf("%s p50 %.2f ms = %.0f u, p90 %.2f, p99 %.2f, max %.2f, epoch change %.2f (u %.1f µs)",
			l.family, at50, at50/unit, at90, at99, median(slowest), atEpoch, unit*1000))
		fmt.Fprintln(os.Stderr, " ", figures[len(figures)-1])
		check := func(what string, value, must, stretch float64) {
			if must > 0 && value > must {
				errs = append(errs, fmt.Errorf("%s: %s %.2f ms, must be %.2f (stretch %.2f)", l.family, what, value, must, stretch))
			}
		}
		check("p50", at50, l.must, l.stretch)
		check("p90", at90, l.must90, l.stretch90)
		check("p99", at99, tailRatio*at90, tailRatio*at90)
		check("slowest epoch change", atEpoch, epochMillis, epochMillis)
	}
	return fmt.Sprintf("medians of %d runs: %s", socketRuns, strings.Join(figures, "; ")), errors.Join(errs...)
}

// drive has the binary drive a fresh target of its own through paths.
func (h *hall) drive(engine string, paths ...string) (*driveReport, error) {
	binary, err := h.damson()
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(h.tmp, "target.sock")
	target := exec.Command(binary, "fuzz-target", "--quiet", "--socket", socket, "--engine", engine)
	target.Stderr = os.Stderr
	if err := target.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = target.Process.Kill() // it may have ended, as it should
		_ = target.Wait()
	}()
	for range 500 {
		if _, err := os.Lstat(socket); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	o, err := h.runDamson(append([]string{"fuzz-drive", "--json", "--socket", socket}, paths...)...)
	if err != nil {
		return nil, err
	}
	r := new(driveReport)
	if err := json.Unmarshal([]byte(o.stdout), r); err != nil {
		return nil, fmt.Errorf("fuzz-drive: status %d: %s%s", o.status, o.stdout, o.stderr)
	}
	if err := target.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	if err := target.Wait(); err != nil {
		return nil, fmt.Errorf("fuzz-target after SIGTERM: %w", err)
	}
	return r, nil
}

// verifyMillis is the yardstick: the median time of one Ed25519 Verify of the standard library, in ms.
func verifyMillis() float64 {
	seed := make([]byte, ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	public := key.Public().(ed25519.PublicKey)
	signature := ed25519.Sign(key, seed)
	times := make([]time.Duration, 501)
	for i := range times {
		start := time.Now()
		if !ed25519.Verify(public, seed, signature) {
			panic("ed25519 refuses its own signature")
		}
		times[i] = time.Since(start)
	}
	return float64(median(times).Nanoseconds()) / 1e6
}

func median[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
