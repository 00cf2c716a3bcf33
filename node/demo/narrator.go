package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"damson/internal/protocol"
)

// show is a demo that runs: it tells what happens.
type show struct {
	Options
	story *Story
	began time.Time
	line  bool // a line that will change stands on the terminal
}

// Colours of a terminal.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	blue  = "36"
)

func (s *show) paint(colour, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (s *show) print(text string) {
	if s.Out == nil {
		return
	}
	if s.line {
		text = "\r\x1b[K" + text
		s.line = false
	}
	_, _ = io.WriteString(s.Out, text) // who does not listen any more misses it
}

func (s *show) title(d *Demo) {
	s.print(fmt.Sprintf("\n%s  %s\n", s.paint(bold, strings.ToUpper(d.Name)), d.About))
}

// step begins a part of the story: what it shows, where the Gray Paper has it, and what to look at.
func (s *show) step(title, paper, look string) {
	s.story.Steps = append(s.story.Steps, &Step{Title: title, GrayPaper: paper, LookAt: look})
	head := fmt.Sprintf("%d. %s", len(s.story.Steps), title)
	s.print(fmt.Sprintf("\n%s  %s\n", s.paint(bold, head), s.paint(dim, paper)))
	if look != "" {
		s.print(s.paint(blue, s.fold("Look at: "+look, "   ")))
	}
}

// say tells something, in the step that was begun last.
func (s *show) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	at := s.story.Steps[len(s.story.Steps)-1]
	at.Told = append(at.Told, text)
	s.print(s.fold(text, "   "))
}

// table tells rows, whose columns stand below each other.
func (s *show) table(rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	at := s.story.Steps[len(s.story.Steps)-1]
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i+1 < len(row) {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+3))
			}
		}
		at.Told = append(at.Told, b.String())
		text := "   " + b.String()
		if n == 0 {
			text = s.paint(dim, text)
		}
		s.print(text + "\n")
	}
}

// claim is something that must be so in the end.
func (s *show) claim(holds bool, claim, format string, found ...any) {
	s.story.Verdict = append(s.story.Verdict, Claim{claim, holds, fmt.Sprintf(format, found...)})
}

// wait waits until something is so, and shows meanwhile how it stands. It reports false if that takes too long.
func (s *show) wait(ctx context.Context, patience time.Duration, stands func() string, until func() bool) bool {
	const look = 20 * time.Millisecond
	deadline := time.Now().Add(patience)
	var shown time.Time
	for {
		if until() {
			return true
		}
		if s.Live && s.Out != nil && time.Since(shown) > 5*look {
			shown = time.Now()
			text := []rune(fmt.Sprintf("   … %s", stands()))
			s.print(s.paint(dim, string(text[:min(len(text), s.width()-1)])))
			s.line = true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(look):
		}
		if time.Now().After(deadline) {
			return until()
		}
	}
}

// close ends the story with its verdict.
func (s *show) close(err error) {
	s.story.Seconds = time.Since(s.began).Seconds()
	s.story.Passed = err == nil && len(s.story.Verdict) > 0
	if len(s.story.Verdict) > 0 {
		s.print(fmt.Sprintf("\n%s\n", s.paint(bold, "Verdict")))
	}
	for _, c := range s.story.Verdict {
		mark := s.paint(green, "yes")
		if !c.Holds {
			mark, s.story.Passed = s.paint(red, "NO "), false
		}
		s.print(fmt.Sprintf("   %s  %s\n%s", mark, c.Claim, s.paint(dim, s.fold(c.Found, "        "))))
	}
	end := s.paint(green, "as it should be")
	if err != nil {
		s.story.Error = err.Error()
	}
	if !s.story.Passed {
		end = s.paint(red, "NOT AS IT SHOULD BE")
	}
	s.print(fmt.Sprintf("   %s: %s, in %.0f s\n", s.story.Demo, end, s.story.Seconds))
}

func (s *show) width() int {
	if s.Width > 0 {
		return s.Width
	}
	return 100
}

// fold breaks a text into indented lines.
func (s *show) fold(text, indent string) string {
	var b strings.Builder
	room := max(s.width()-len(indent), 40)
	used := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString(indent)
		case used+1+n > room:
			b.WriteString("\n" + indent)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	b.WriteByte('\n')
	return b.String()
}

// short is how a hash is told: as much of it as tells it from others.
func short(h protocol.Hash) string { return h.String()[:14] + "…" }

// plural says how many there are of something.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
