// Package docrun runs the commands of a markdown file just as they stand there, and compares what they print with what the
// file says that they do.
//
// Blocks are told apart by the words behind the three backticks, of which a page shows nothing:
//
//	sh                 commands, run by bash, which ends at the first that fails; the block must end with status 0
//	sh background      commands that go on while what follows is run; in the end they get SIGINT, and must end with status 0.
//	                   What follows waits until they have printed the lines of their text block
//	sh fails           commands whose status must not be 0
//	sh skip            commands for another machine: not run
//	text               what the block of commands before it prints, to both outputs
//	text exact         the same, to the letter
//
// More words for sh: mark=NAME gives the end of a block a name, for those who want to know how long it took up to there;
// needs=PROGRAM skips a block where there is no such program; timeout=DURATION is how long a block may take, in place of
// ten minutes. Blocks of another kind are of no interest here.
//
// All blocks of a file share a folder and variables, as in a terminal: a block begins where the one before it has ended.
//
// Two outputs are alike (text) if they are the same but for numbers, durations and octets in hexadecimal (with 0x, or at least twelve
// digits, or a hash in base64), each of which may be any other of its kind; for white space between words; and for a line of "…", which stands for any number of lines.
package docrun

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Block is a block of commands.
type Block struct {
	Line       int    // of its first command, in the file
	Heading    string // that it stands below
	Text       string
	Background bool
	Fails      bool
	Skip       bool
	Mark       string
	Needs      []string
	Timeout    time.Duration
	Want       *Output // nil says nothing about what is printed
}

// Output is what a block must print.
type Output struct {
	Line  int // of its first, in the file
	Text  string
	Exact bool
}

const patience = 10 * time.Minute

// Parse finds the blocks of commands in a markdown text.
func Parse(text string) ([]*Block, error) {
	var blocks []*Block
	heading, within := "", ""
	var begun *Block   // whose commands the lines are
	var output *Output // whose lines they are
	fence := 0
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case within == "" && strings.HasPrefix(line, "```"):
			within, fence = strings.TrimLeft(line, "`"), len(line)-len(strings.TrimLeft(line, "`"))
			words := strings.Fields(within)
			within += " " // not empty: a fence may say nothing
			begun, output = nil, nil
			var err error
			switch {
			case len(words) == 0:
			case words[0] == "sh":
				begun, err = newBlock(words[1:], number+1, heading)
				blocks = append(blocks, begun)
			case words[0] == "text":
				output, err = newOutput(words[1:], number+1, blocks)
			}
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
		case within != "" && line == strings.Repeat("`", fence):
			within, begun, output = "", nil, nil
		case begun != nil:
			begun.Text += line + "\n"
		case output != nil:
			output.Text += line + "\n"
		case within == "" && strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	if within != "" {
		return nil, fmt.Errorf("line %d: the last block does not end", number)
	}
	return blocks, nil
}

func newBlock(words []string, line int, heading string) (*Block, error) {
	b := &Block{Line: line, Heading: heading, Timeout: patience}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch {
		case word == "background":
			b.Background = true
		case word == "fails":
			b.Fails = true
		case word == "skip":
			b.Skip = true
		case name == "mark" && value != "":
			b.Mark = value
		case name == "needs" && value != "":
			b.Needs = append(b.Needs, strings.Split(value, ",")...)
		case name == "timeout":
			var err error
			if b.Timeout, err = time.ParseDuration(value); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%q says nothing about commands", word)
		}
	}
	return b, nil
}

func newOutput(words []string, line int, blocks []*Block) (*Output, error) {
	if len(blocks) == 0 || blocks[len(blocks)-1].Want != nil {
		return nil, errors.New("what prints this?")
	}
	o := &Output{Line: line, Exact: slices.Contains(words, "exact")}
	if len(words) > 1 || len(words) == 1 && !o.Exact {
		return nil, fmt.Errorf("%q says nothing about outputs", words)
	}
	blocks[len(blocks)-1].Want = o
	return o, nil
}

// Fill gives a markdown text with outputs in those of its text blocks that are empty.
func Fill(text string, outputs map[int]string) string {
	var filled strings.Builder
	number := 0
	for line := range strings.Lines(text) {
		number++
		filled.WriteString(outputs[number])
		filled.WriteString(line)
	}
	return filled.String()
}
