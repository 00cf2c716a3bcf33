package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPVMScripts runs the sessions in testdata/pvm. A session has files, each below a line "-- NAME --", and in the one
// named session commands with what they must print: "$ damson …" must end with status 0, "! damson …" with another. "< NAME"
// behind a command is its input. "..." stands for any lines.
func TestPVMScripts(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "pvm", "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no sessions", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			playSession(t, unpack(t, string(text)))
		})
	}
}

// unpack writes the files of a session and gives the session itself.
func unpack(t *testing.T, text string) string {
	t.Helper()
	files, name := map[string]string{}, ""
	for line := range strings.Lines(text) {
		if inner, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(inner, " --\n") {
			name = strings.TrimSuffix(inner, " --\n")
			continue
		}
		files[name] += line
	}
	for name, content := range files {
		if name != "" && name != "session" {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return files["session"]
}

func playSession(t *testing.T, session string) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(session, "\n"), "\n")
	for i := 0; i < len(lines); {
		command := lines[i]
		end := i + 1
		for end < len(lines) && !strings.HasPrefix(lines[end], "$ ") && !strings.HasPrefix(lines[end], "! ") {
			end++
		}
		want := lines[i+1 : end]
		i = end
		if command == "" || command[0] == '#' {
			continue
		}
		got, err := playCommand(t, command)
		if (err == nil) != (command[0] == '$') {
			t.Errorf("%s: error %v", command, err)
		}
		if !matches(got, want) {
			t.Errorf("%s\nprinted\n%s\nwant\n%s", command, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// playCommand runs a command as main would, and gives the lines it prints.
func playCommand(t *testing.T, line string) ([]string, error) {
	t.Helper()
	line, input, _ := strings.Cut(line, " < ")
	args := strings.Fields(line)
	if len(args) < 2 || args[1] != "damson" {
		t.Fatalf("%q is no command", line)
	}
	var out strings.Builder
	cmd := root()
	cmd.SetArgs(args[2:])
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	if input != "" {
		file, err := os.Open(input)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.SetIn(file)
	}
	err := cmd.ExecuteContext(t.Context())
	if err != nil && !errors.Is(err, errReported) {
		out.WriteString("damson: " + err.Error() + "\n")
	}
	text := strings.TrimRight(out.String(), "\n")
	if text == "" {
		return nil, err
	}
	return strings.Split(text, "\n"), err
}

// matches reports whether lines are as wanted, where "..." stands for any number of them.
func matches(got, want []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == "..." {
		for n := range len(got) + 1 {
			if matches(got[n:], want[1:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && strings.TrimRight(got[0], " ") == want[0] && matches(got[1:], want[1:])
}
