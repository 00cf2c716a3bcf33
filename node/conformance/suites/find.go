package suites

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"damson/internal/protocol"
)

// suite is a kind of vectors.
type suite struct {
	name string
	run  func(r *Runner, f *file, result *Result)
}

// single makes a suite of files that hold one vector each.
func single(name string, run func(r *Runner, f *file) error) *suite {
	return &suite{name, func(r *Runner, f *file, result *Result) { result.judge(f.path, run(r, f)) }}
}

// transitions are the suites of the parts of Υ, by their folders below stf.
var transitions = map[string]*suite{
	"accumulate":     single("stf/accumulate", accumulateVector),
	"assurances":     single("stf/assurances", assurancesVector),
	"authorizations": single("stf/authorizations", authorizationsVector),
	"disputes":       single("stf/disputes", disputesVector),
	"history":        single("stf/history", historyVector),
	"preimages":      single("stf/preimages", preimagesVector),
	"reports":        single("stf/reports", reportsVector),
	"safrole":        single("stf/safrole", safroleVector),
	"statistics":     single("stf/statistics", statisticsVector),
}

// The other suites.
var (
	codecSuite        = single("codec", codecVector)
	erasureSuite      = single("erasure", erasureVector)
	pvmSuite          = single("pvm", pvmVector)
	shuffleSuite      = &suite{"shuffle", shuffleVectors}
	trieSuite         = &suite{"trie", trieVectors}
	ed25519Suite      = &suite{"ed25519", ed25519Vectors}
	bandersnatchSuite = &suite{"bandersnatch", bandersnatchVectors}
	tracesSuite       = &suite{"traces", traceFile}
	fuzzTracesSuite   = &suite{"fuzz-traces", traceFile}
	sessionSuite      = &suite{"fuzz-proto", sessionFile}
)

var (
	versionName  = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+$`)
	stepName     = regexp.MustCompile(`^([0-9]{8}|genesis)\.bin$`)
	exchangeName = regexp.MustCompile(`^[0-9]{8}_(fuzzer|target)_[a-z_]+\.bin$`)
)

// find tells the suite of a file, which is nil if it holds no vectors, and its chain, if the suite has both.
func find(path string) (s *suite, chain string) {
	parts := strings.Split(filepath.ToSlash(path), "/")
	base := parts[len(parts)-1]
	// The folders that hold the file, from the innermost outwards.
	folder := func(i int) string {
		if i+2 > len(parts) {
			return ""
		}
		return parts[len(parts)-2-i]
	}
	if slices.ContainsFunc(parts, func(part string) bool {
		return versionName.MatchString(part) && strings.TrimPrefix(part, "v") != protocol.GrayPaper
	}) {
		return nil, "" // of another Gray Paper
	}
	if chain = folder(0); chain == "tiny" || chain == "full" {
		return findOfChain(base, folder(1), folder(2)), chain
	}
	switch {
	case stepName.MatchString(base) && (slices.Contains(parts, "fuzz-traces") || slices.Contains(parts, "fuzz-reports")):
		return fuzzTracesSuite, "tiny"
	case stepName.MatchString(base) && slices.Contains(parts, "traces"):
		return tracesSuite, "tiny"
	case exchangeName.MatchString(base):
		return sessionSuite, "tiny"
	case !strings.HasSuffix(base, ".json"):
	case folder(0) == "programs" && folder(1) == "pvm":
		return pvmSuite, ""
	case folder(0) == "shuffle":
		return shuffleSuite, ""
	case folder(0) == "trie":
		return trieSuite, ""
	case folder(0) == "ed25519" && base == "vectors.json":
		return ed25519Suite, ""
	case strings.HasPrefix(base, "bandersnatch_sha-512_ell2_"):
		return bandersnatchSuite, ""
	}
	return nil, ""
}

// findOfChain tells the suite of a file that lies in the folder of a chain.
func findOfChain(base, folder, above string) *suite {
	switch {
	case strings.HasSuffix(base, ".bin") && above == "stf":
		return transitions[folder]
	case strings.HasSuffix(base, ".bin") && folder == "codec":
		return codecSuite
	case strings.HasSuffix(base, ".json") && folder == "erasure":
		return erasureSuite
	}
	return nil
}
