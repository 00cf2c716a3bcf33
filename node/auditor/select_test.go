package auditor

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/net/jamnp"
)

func seedOf(words ...uint64) protocol.Hash {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return blake2b.Sum256(b)
}

// pair is an element of the sequence that GP eq:initialaudit shuffles: (c, 𝐪_c).
type pair struct {
	core   int
	report *jamnp.AuditedReport
}

// literal is GP eq:initialaudit word by word, with the shuffle of GP §F as it is printed.
func literal(p *protocol.Params, q []*jamnp.AuditedReport, output protocol.Hash) (chosen []jamnp.AuditedReport) {
	var sequence []pair
	for core := range p.Cores {
		sequence = append(sequence, pair{core, q[core]})
	}
	number := func(i int) int { // 𝒬_l(h)_i
		h := blake2b.Sum256(binary.LittleEndian.AppendUint32(output[:len(output):len(output)], uint32(i/8)))
		return int(binary.LittleEndian.Uint32(h[4*i%32:]))
	}
	var shuffled []pair
	for i := 0; len(sequence) > 0; i++ {
		l := len(sequence)
		index := number(i) % l
		shuffled = append(shuffled, sequence[index])
		sequence[index] = sequence[l-1]
		sequence = sequence[:l-1]
	}
	for _, x := range shuffled[:min(10, len(shuffled))] {
		if x.report != nil {
			chosen = append(chosen, *x.report)
		}
	}
	slices.SortFunc(chosen, func(a, b jamnp.AuditedReport) int { return int(a.Core) - int(b.Core) })
	return chosen
}

// TestFirstTranche draws for many seeds, as the paper says it and as we do, and looks how often each core comes.
func TestFirstTranche(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		q := make([]*jamnp.AuditedReport, p.Cores)
		var list []jamnp.AuditedReport
		for core := range protocol.Core(p.Cores) {
			if core%3 != 1 {
				q[core] = &jamnp.AuditedReport{Core: core, Report: seedOf(uint64(core))}
				list = append(list, *q[core])
			}
		}
		const seeds = 3000
		counts := make([]int, p.Cores)
		for i := range uint64(seeds) {
			out := seedOf(i, 1)
			got := firstTranche(p, list, out)
			if want := literal(p, q, out); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v, want %v", i, got, want)
			}
			for _, r := range got {
				counts[r.Core]++
			}
		}
		chance := min(1, 10/float64(p.Cores))
		for core, n := range counts {
			mean, deviation := chance*seeds, math.Sqrt(chance*(1-chance)*seeds)
			switch {
			case q[core] == nil && n != 0:
				t.Errorf("core %d has no report and is drawn", core)
			case q[core] != nil && math.Abs(float64(n)-mean) > 5*deviation:
				t.Errorf("core %d is drawn %d times, want %.0f ± %.0f", core, n, mean, deviation)
			}
		}
	}
}

// TestLaterTranche compares with V/256F · 𝒴(s)₀ < m as rational numbers, and counts how many step in for so many no-shows.
func TestLaterTranche(t *testing.T) {
	for _, p := range []*protocol.Params{protocol.Tiny(), protocol.Full()} {
		for _, m := range []int{0, 1, 2, 3, 30, p.Validators} {
			n := 0
			for first := range 256 {
				left := new(big.Rat).Mul(big.NewRat(int64(p.Validators), 256*2), big.NewRat(int64(first), 1))
				want := left.Cmp(big.NewRat(int64(m), 1)) < 0
				if got := chosen(p, protocol.Hash{byte(first)}, m); got != want {
					t.Fatalf("V %d, m %d, 𝒴₀ %d: %v", p.Validators, m, first, got)
				}
				if want {
					n++
				}
			}
			expected := float64(p.Validators) * float64(n) / 256
			if want := min(2*float64(m), float64(p.Validators)); math.Abs(expected-want) > float64(p.Validators)/256 {
				t.Errorf("V %d: %.2f step in for %d, want %.0f", p.Validators, expected, m, want)
			}
		}
	}
}

// TestBias signs for real: F validators step in for a no-show on average, over many blocks and tranches.
func TestBias(t *testing.T) {
	p := protocol.Tiny()
	p.Validators = 24
	secrets := devchain.Validators(p.Validators)
	const blocks = 60
	for _, m := range []int{1, 3} {
		n := 0
		for b := range uint64(blocks) {
			for v := range secrets {
				s := protocol.VRFSignature(secrets[v].Bandersnatch.Sign(laterInput(seedOf(b), seedOf(b, 7), uint8(1+b%9)), nil))
				out, err := output(&s)
				if err != nil {
					t.Fatal(err)
				}
				if chosen(p, out, m) {
					n++
				}
			}
		}
		chance := math.Ceil(512*float64(m)/float64(p.Validators)) / 256
		mean := chance * blocks * float64(p.Validators)
		deviation := math.Sqrt(mean * (1 - chance))
		if math.Abs(float64(n)-mean) > 5*deviation || math.Abs(mean/blocks-2*float64(m)) > 0.1 {
			t.Errorf("%d step in, want %.0f ± %.0f: %.2f for each block with %d missing", n, mean, deviation, mean/blocks, m)
		}
	}
}

// TestMessages writes out what is signed, octet by octet.
func TestMessages(t *testing.T) {
	block, report := protocol.Hash{1, 2}, protocol.Hash{3, 4}
	list := []jamnp.AuditedReport{{Core: 258, Report: report}}
	want := "jam_announce" + "\x05" + "\x02\x01" + string(report[:]) + string(block[:])
	if got := announcementMessage(block, 5, list); string(got) != want {
		t.Errorf("announcement: %q", got)
	}
	if got := laterInput(block, report, 9); string(got) != "jam_audit"+string(block[:])+string(report[:])+"\x09" {
		t.Errorf("sₙ: %q", got)
	}
	if got := firstInput(block); string(got) != "jam_audit"+string(block[:]) {
		t.Errorf("s₀: %q", got)
	}
	if string(judgmentMessage(true, report)) != "jam_valid"+string(report[:]) || string(judgmentMessage(false, report)) != "jam_invalid"+string(report[:]) {
		t.Error("judgment")
	}
	cores := []jamnp.AuditedReport{{Core: 1}, {Core: 256}, {Core: 0}}
	if sortList(cores); cores[0].Core != 0 || cores[1].Core != 256 || cores[2].Core != 1 {
		t.Errorf("order of the set: %v", cores)
	}
}
