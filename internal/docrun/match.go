package docrun

import (
	"regexp"
	"slices"
	"strings"
)

// ellipsis stands for any number of lines.
const ellipsis = "…"

// varying are the parts of a line that differ from one run to the next, in the order in which they are looked for.
var varying = []struct {
	part *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\b0x[0-9a-f]+\b`), "<octets>"},
	{regexp.MustCompile(`\b[0-9a-f]{12,}\b`), "<octets>"},    // no word and no number of a document is as long
	{regexp.MustCompile(`\b[A-Za-z0-9+/]{43}=`), "<octets>"}, // a hash in the way of JIP-2
	{regexp.MustCompile(`\b[0-9]+(?:\.[0-9]+)?(?:ns|µs|ms|s|m|h)(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m))*\b`), "<time>"},
	{regexp.MustCompile(`\b[0-9]+(?:[.,:/][0-9]+)*\b`), "<number>"},
}

// plain makes of a line what is alike in every run.
func plain(line string) string {
	for _, v := range varying {
		line = v.part.ReplaceAllString(line, v.as)
	}
	return strings.Join(strings.Fields(line), " ")
}

// Alike says whether an output is as it is wanted.
func (o *Output) Alike(got string) bool { return o.lines(got, alike) }

// Begun says whether an output that is not complete begins as it is wanted.
func (o *Output) Begun(got string) bool {
	return o.lines(got, func(got, want []string) bool { return alike(got, append(slices.Clone(want), ellipsis)) })
}

func (o *Output) lines(got string, same func(got, want []string) bool) bool {
	g, w := lines(got), lines(o.Text)
	if !o.Exact {
		for i := range g {
			g[i] = plain(g[i])
		}
		for i := range w {
			w[i] = plain(w[i])
		}
	}
	return same(g, w)
}

func lines(text string) []string {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// alike matches lines against what is wanted. What an ellipsis stands for is tried from nothing on, once for each place: the
// last one decides.
func alike(got, want []string) bool {
	back, from := -1, 0 // the last ellipsis, and where the lines after it were tried
	i, k := 0, 0
	for i < len(got) {
		switch {
		case k < len(want) && want[k] == ellipsis:
			back, from = k, i
			k++
		case k < len(want) && want[k] == got[i]:
			i++
			k++
		case back >= 0:
			from++
			i, k = from, back+1
		default:
			return false
		}
	}
	for k < len(want) && want[k] == ellipsis {
		k++
	}
	return k == len(want)
}
