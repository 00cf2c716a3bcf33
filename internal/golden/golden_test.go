package golden

import (
	"os"
	"strings"
	"testing"
)

const sample = `# Words, and what becomes of them.

upper
a word
----
A WORD

# Two lines in, two out.
upper
one
two
----
ONE
TWO

upper
----

# the end
`

func TestCases(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "testdata/words.txt", sample)
	upper := func(t *testing.T, c *Case) string {
		if c.Command != "upper" {
			t.Errorf("command %q", c.Command)
		}
		return strings.ToUpper(c.Input)
	}
	Cases(t, "words.txt", upper)

	// -update mends what is wrong and leaves the rest as it stands.
	write(t, "testdata/words.txt", strings.Replace(sample, "ONE\nTWO", "wrong", 1))
	*update = true
	defer func() { *update = false }()
	Cases(t, "words.txt", upper)
	got, err := os.ReadFile("testdata/words.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != sample {
		t.Errorf("rewritten to\n%s", got)
	}
}

func TestEqual(t *testing.T) {
	t.Chdir(t.TempDir())
	*update = true
	Equal(t, "deep/x.txt", "text\n")
	*update = false
	Equal(t, "deep/x.txt", "text\n")
}
