package docrun

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample has what a file may have, with % in place of backticks.
const sample = `# Title

Words. %inline%

%%%sh mark=first
export A=one
B=two
mkdir sub && cd sub
echo "$A 0x12ab34cd in 3.5ms"
%%%
%%%text
one 0xdeadbeef in 1m20.5s
%%%

## Second

%%%sh
echo "$A $B $(basename "$PWD")"
seq 5
%%%

%%%text
one two sub
1
…
5
%%%

%%%toml
no = "command"
%%%

%%%sh background
echo ready; echo more; exec sleep 0.01
%%%
%%%text
ready
%%%

%%%sh fails
false
true
%%%

%%%sh skip
exit 1
%%%

%%%sh needs=no-such-program-here
exit 1
%%%
`

func blocks(t *testing.T, text string) []*Block {
	t.Helper()
	list, err := Parse(strings.ReplaceAll(text, "%", "`"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func run(t *testing.T, text string) (*Runner, error) {
	t.Helper()
	r := &Runner{Dir: t.TempDir(), Env: os.Environ()}
	return r, r.Run(t.Context(), blocks(t, text))
}

func TestSample(t *testing.T) {
	list := blocks(t, sample)
	if len(list) != 6 {
		t.Fatalf("%d blocks", len(list))
	}
	if b := list[1]; b.Heading != "Second" || b.Line != 18 || b.Want == nil || b.Background {
		t.Errorf("%+v", b)
	}
	r, err := run(t, sample)
	if err != nil {
		t.Fatal(err)
	}
	if r.Marks["first"] == 0 || len(r.Marks) != 1 {
		t.Errorf("%v", r.Marks)
	}
}

// TestFill: what is printed takes its place in a block that is empty.
func TestFill(t *testing.T) {
	text := strings.ReplaceAll("%%%sh\necho one\n%%%\n\n%%%text\n%%%\n", "%", "`")
	list := blocks(t, text)
	r := &Runner{Dir: t.TempDir(), Env: os.Environ(), Learn: true}
	if err := r.Run(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if filled := Fill(text, r.Fresh); !strings.HasSuffix(filled, "text\none\n```\n") {
		t.Error(filled)
	}
}

// TestFailures: what is not as the file says is found.
func TestFailures(t *testing.T) {
	for name, text := range map[string]string{
		"status":     "%%%sh\nfalse\n%%%\n",
		"the middle": "%%%sh\nfalse\ntrue\n%%%\n",
		"a pipe":     "%%%sh\nfalse | cat\n%%%\n",
		"no failure": "%%%sh fails\ntrue\n%%%\n",
		"output":     "%%%sh\necho one\n%%%\n%%%text\ntwo\n%%%\n",
		"more":       "%%%sh\necho one; echo two\n%%%\n%%%text\none\n%%%\n",
		"exact":      "%%%sh\necho 1\n%%%\n%%%text exact\n2\n%%%\n",
		"too long":   "%%%sh timeout=50ms\nsleep 60\n%%%\n",
		"ends":       "%%%sh background\necho one\n%%%\n%%%text\ntwo\n%%%\n",
		"background": "%%%sh background\necho one; exit 3\n%%%\n%%%text\none\n%%%\n%%%sh\nsleep 0.2\n%%%\n",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if _, err := run(t, text); err == nil {
				t.Error("no error")
			} else if took := time.Since(start); took > 30*time.Second {
				t.Errorf("%v: after %v", err, took)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, text := range []string{"```sh often\n```\n", "```text\n```\n", "```sh\n", "```sh timeout=x\n```\n", "```sh\n```\n```text loud\n```\n"} {
		if list, err := Parse(text); err == nil {
			t.Errorf("%q: %v", text, list)
		}
	}
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		got, want string
		same      bool
	}{
		{"slot 7  of 36\n", "slot 12 of 36", true},
		{"at 17:50:09.181", "at 01:02:03.4", true},
		{"1,024 octets", "7 octets", true},
		{"hash 3a6d1f5c0012", "hash 0123456789abcdef", true},
		{`["BZJSWCFp4Zzg5yQd1Zvp1H1rDFRGDf9ro5jnFqOugUw=",7]`, `["NKLVjyAyJdcU1599i1d9xx3bjEkt6jDwqMXCJynRvOA=",12]`, true},
		{"hash 3a6d1f5c0012", "hash facade", false},
		{"one", "two", false},
		{"a\nb\nc\nd", "a\n…\nd", true},
		{"a\nb\nd\nc\nd", "…\nd", true},
		{"a", "…\na\n…", true},
		{"a\nb", "…\na", false},
		{"", "", true},
		{"took 12ms", "took 1m3s", true},
		{"took 12", "took 1m3s", false},
	} {
		if o := (&Output{Text: c.want}); o.Alike(c.got) != c.same {
			t.Errorf("%q and %q", c.got, c.want)
		}
	}
}

// TestFiles: the files of this repository that are run can be read, and show what their commands print.
func TestFiles(t *testing.T) {
	for _, path := range []string{"../../README.md", "../../docs/SERVICES.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Parse(string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		ready := func(b *Block) bool { return !b.Skip }
		if !slices.ContainsFunc(list, ready) {
			t.Errorf("%s: nothing to run", path)
		}
	}
}
