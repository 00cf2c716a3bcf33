package docrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Runner runs the blocks of a file.
type Runner struct {
	Dir   string              // where the first block begins
	Env   []string            // of the commands, whole
	Print func(line string)   // tells what is done; nil tells nobody
	Learn bool                // take what is printed where a text block is empty
	Marks map[string]Duration // filled by Run
	Fresh map[int]string      // filled by Run, if it is to learn: by the line before which it belongs

	tmp        string
	background []*job
}

// Duration is a time since Run began.
type Duration = time.Duration

// job is a block that runs.
type job struct {
	block  *Block
	cmd    *exec.Cmd
	output output
	ended  chan struct{} // closed when err is known
	err    error
}

// output is what a job has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// script runs a block as a terminal would: in the folder and with the variables that the one before it has left.
const script = `if [ -f "$1/env" ]; then . "$1/env"; cd "$(cat "$1/cwd")"; fi
set -e -o pipefail -o allexport
trap 'export -p >"$1/env.new"; pwd >"$1/cwd.new"' EXIT
. "$2"
`

// Run runs all blocks in turn, up to the first that does not do what it must.
func (r *Runner) Run(ctx context.Context, blocks []*Block) (err error) {
	if r.tmp, err = os.MkdirTemp("", "docrun"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.tmp)) }()
	defer func() { err = errors.Join(err, r.end()) }()
	r.Marks, r.Fresh = map[string]Duration{}, map[int]string{}
	start := time.Now()
	for _, b := range blocks {
		first, _, _ := strings.Cut(b.Text, "\n")
		if why := b.skipped(); why != "" {
			r.print("      %4d  %s: skipped, %s", b.Line, first, why)
			continue
		}
		began := time.Now()
		if err := r.block(ctx, b); err != nil {
			return fmt.Errorf("line %d (%s): %w", b.Line, b.Heading, err)
		}
		r.print("%5.1fs %4d  %s", time.Since(began).Seconds(), b.Line, first)
		if b.Mark != "" {
			r.Marks[b.Mark] = time.Since(start)
		}
	}
	return nil
}

func (r *Runner) print(format string, a ...any) {
	if r.Print != nil {
		r.Print(fmt.Sprintf(format, a...))
	}
}

// skipped says why a block is not run.
func (b *Block) skipped() string {
	if b.Skip {
		return "it is for another machine"
	}
	for _, program := range b.Needs {
		if _, err := exec.LookPath(program); err != nil {
			return "there is no " + program
		}
	}
	return ""
}

func (r *Runner) block(ctx context.Context, b *Block) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	j, err := r.start(b)
	if err != nil {
		return err
	}
	if b.Background {
		r.background = append(r.background, j)
		return j.wait(ctx)
	}
	select {
	case <-j.ended:
	case <-ctx.Done():
		j.signal(syscall.SIGKILL)
		<-j.ended
		return fmt.Errorf("%w; it has printed\n%s", ctx.Err(), &j.output)
	}
	if err := j.verdict(); err != nil {
		return err
	}
	if r.Learn && b.Want != nil && b.Want.Text == "" {
		r.Fresh[b.Want.Line] = strings.TrimRight(j.output.String(), "\n") + "\n"
	} else if b.Want != nil && !b.Want.Alike(j.output.String()) {
		return fmt.Errorf("it has printed\n%s\nwant\n%s", &j.output, b.Want.Text)
	}
	for _, name := range []string{"env", "cwd"} {
		at := filepath.Join(r.tmp, name)
		if err := os.Rename(at+".new", at); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) start(b *Block) (*job, error) {
	path := filepath.Join(r.tmp, fmt.Sprintf("line%d.sh", b.Line))
	if err := os.WriteFile(path, []byte(b.Text), 0o600); err != nil {
		return nil, err
	}
	j := &job{block: b, ended: make(chan struct{})}
	j.cmd = exec.Command("bash", "-c", script, "bash", r.tmp, path) //nolint:gosec // running them is what this is for
	j.cmd.Dir, j.cmd.Env = r.Dir, r.Env
	j.cmd.Stdout, j.cmd.Stderr = &j.output, &j.output
	j.cmd.SysProcAttr = ownGroup()
	j.cmd.WaitDelay = 10 * time.Second
	if err := j.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		j.err = j.cmd.Wait()
		close(j.ended)
	}()
	return j, nil
}

// verdict says whether a block has ended as it must.
func (j *job) verdict() error {
	_, status := errors.AsType[*exec.ExitError](j.err)
	switch {
	case j.err != nil && (!status || !j.block.Fails):
		return fmt.Errorf("%w; it has printed\n%s", j.err, &j.output)
	case j.err == nil && j.block.Fails:
		return fmt.Errorf("it must fail, and has printed\n%s", &j.output)
	}
	return nil
}

// wait waits until a job in the background has printed what it must.
func (j *job) wait(ctx context.Context) error {
	for j.block.Want != nil && !j.block.Want.Begun(j.output.String()) {
		select {
		case <-j.ended:
			if j.block.Want.Begun(j.output.String()) {
				return nil
			}
			return fmt.Errorf("it has ended (%w), and printed\n%s\nwant\n%s", errors.Join(j.err, io.EOF), &j.output, j.block.Want.Text)
		case <-ctx.Done():
			return fmt.Errorf("%w; it has printed\n%s\nwant\n%s", ctx.Err(), &j.output, j.block.Want.Text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// end ends what is in the background, as Ctrl-C would.
func (r *Runner) end() (err error) {
	const grace = time.Minute
	for _, j := range r.background {
		j.signal(syscall.SIGINT)
		select {
		case <-j.ended:
		case <-time.After(grace):
			j.signal(syscall.SIGKILL)
			<-j.ended
			err = errors.Join(err, fmt.Errorf("line %d: it does not end", j.block.Line))
			continue
		}
		if why := j.verdict(); why != nil {
			err = errors.Join(err, fmt.Errorf("line %d: %w", j.block.Line, why))
		}
	}
	return err
}
