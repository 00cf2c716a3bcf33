package main

import (
	"bytes"
	"fmt"
)

// chart is a picture: groups of bars.
type chart struct {
	file, title, heading string
	series               []series
	mark                 float64 // a line is drawn here; 0 draws none
}

// series is what has a bar in each group.
type series struct{ name, column string }

// Measures of the picture, in its units.
const (
	width    = 720
	left     = 130 // room for the names of groups
	right    = 60  // for the figure behind the longest bar
	top      = 70  // for title and legend
	bar      = 11
	space    = 10 // between groups
	baseline = 9  // of text in a bar's line
)

const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.figure { font-size: 10px; fill: #57606a }
.mark { stroke: #57606a; stroke-dasharray: 3 3 }
.s0 { fill: #8250df } .s1 { fill: #5a9fd4 } .s2 { fill: #b0b7bf }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .figure { fill: #9da7b1 } .mark { stroke: #9da7b1 }
.s0 { fill: #b78bff } .s1 { fill: #4f93c9 } .s2 { fill: #6e7781 }
}
</style>
`

func (c *chart) draw(rows []row) []byte {
	longest := c.mark
	for _, r := range rows {
		for _, v := range r.values {
			longest = max(longest, v)
		}
	}
	scale := float64(width-left-right) / longest
	group := len(c.series)*bar + space
	height := top + len(rows)*group
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=%q>\n%s", width, height, c.title, style)
	fmt.Fprintf(&b, "<text class=\"title\" x=\"10\" y=\"20\">%s</text>\n", c.title)
	x := 10
	for i, s := range c.series {
		fmt.Fprintf(&b, "<rect class=\"s%d\" x=\"%d\" y=\"36\" width=\"11\" height=\"11\"/><text x=\"%d\" y=\"46\">%s</text>\n", i, x, x+16, s.name)
		x += 40 + 7*len(s.name)
	}
	for i, r := range rows {
		y := top + i*group
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left-8, y+len(c.series)*bar/2+4, r.name)
		for k, v := range r.values {
			if v == 0 {
				continue
			}
			length := v * scale
			fmt.Fprintf(&b, "<rect class=\"s%d\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", k, left, y+k*bar, length, bar-1)
			fmt.Fprintf(&b, "<text class=\"figure\" x=\"%.1f\" y=\"%d\">%.2f</text>\n", left+length+4, y+k*bar+baseline, v)
		}
	}
	if c.mark > 0 {
		at := left + c.mark*scale
		fmt.Fprintf(&b, "<path class=\"mark\" d=\"M%.1f %dV%d\"/>\n", at, top-4, height-space)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
