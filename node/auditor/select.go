package auditor

import (
	"bytes"
	"cmp"
	"slices"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/shuffle"
	"damson/net/jamnp"
)

// initialCores is how many cores everybody draws for the first tranche. GP eq:initialaudit.
const initialCores = 10

// firstInput is what s₀ signs: X_U ⌢ 𝒴(H_V). Seed is 𝒴(H_V). GP eq:initialaudit.
func firstInput(seed protocol.Hash) []byte {
	return append([]byte(protocol.ContextAudit), seed[:]...)
}

// laterInput is what sₙ(w) signs: X_U ⌢ 𝒴(H_V) ⌢ ℋ(w) ⧺ n. GP eq:latertranches.
func laterInput(seed, report protocol.Hash, tranche uint8) []byte {
	return append(append(firstInput(seed), report[:]...), tranche)
}

// firstTranche is a₀: of the first ten cores in an order drawn by 𝒴(s₀), those with a report, by core. Reports are those of
// 𝐪 that are not empty, by core.
func firstTranche(p *protocol.Params, reports []jamnp.AuditedReport, output protocol.Hash) []jamnp.AuditedReport {
	cores := shuffle.Indices(p.Cores, output)
	cores = cores[:min(initialCores, len(cores))]
	var chosen []jamnp.AuditedReport
	for _, r := range reports {
		if slices.Contains(cores, int(r.Core)) {
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// chosen says whether a report is in aₙ, by the output of sₙ(w) and by mₙ: V/256F · 𝒴(sₙ(w))₀ < mₙ. GP eq:latertranches.
func chosen(p *protocol.Params, output protocol.Hash, noShows int) bool {
	return p.Validators*int(output[0]) < 256*protocol.AuditBias*noShows
}

// announcementMessage is what an announcement signs: X_I ⧺ n ⌢ 𝐱ₙ ⌢ ℋ(H). A set has no length before it. GP eq:announcement.
func announcementMessage(block protocol.Hash, tranche uint8, list []jamnp.AuditedReport) []byte {
	b := append([]byte(protocol.ContextAnnounce), tranche)
	for i := range list {
		b = codec.AppendU16(b, uint16(list[i].Core))
		b = append(b, list[i].Report[:]...)
	}
	return append(b, block[:]...)
}

// judgmentMessage is what a judgment signs. GP eq:judgments.
func judgmentMessage(valid bool, report protocol.Hash) []byte {
	if valid {
		return append([]byte(protocol.ContextValid), report[:]...)
	}
	return append([]byte(protocol.ContextInvalid), report[:]...)
}

// distinct says whether no core is named twice. In which order others list reports is not looked at: the signature is about
// the order that they sent.
func distinct(list []jamnp.AuditedReport) bool {
	for i := range list {
		for j := range i {
			if list[i].Core == list[j].Core {
				return false
			}
		}
	}
	return true
}

// sortList brings a list in the order of the set's encoding: its elements are octets, of which a core's least comes first.
func sortList(list []jamnp.AuditedReport) {
	slices.SortFunc(list, func(a, b jamnp.AuditedReport) int {
		x, y := codec.AppendU16(nil, uint16(a.Core)), codec.AppendU16(nil, uint16(b.Core))
		return cmp.Or(bytes.Compare(x, y), bytes.Compare(a.Report[:], b.Report[:]))
	})
}
