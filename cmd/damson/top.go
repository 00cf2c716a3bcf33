package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node/dashboard"
	"damson/node/rpc"
	"damson/node/rpc/client"
	"damson/state"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// topFlags are what top can be told.
type topFlags struct {
	interval   time.Duration
	once, json bool
}

func topCommand() *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use:   "top [URL...]",
		Short: "Watch running nodes in the terminal",
		Long: `Top asks nodes by RPC how they are, and shows it until Ctrl-C: heads and finality, duties, what the cores did in the best block and
what the validators did in this epoch. Without a URL it asks the node at ` + client.DefaultURL + `.

With --json it prints an object on a line for each time that it asks, with --once it asks just once. The exit status is 0 if all nodes
answered in the end.`,
		Example: `  damson top
  damson top ws://127.0.0.1:19800/ ws://127.0.0.1:19801/
  damson top --json --interval 6s`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{client.DefaultURL}
			}
			if f.interval < 50*time.Millisecond {
				return withCode(exitUsage, fmt.Errorf("--interval %v: want 50ms or more", f.interval))
			}
			return f.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.interval, "interval", time.Second, "how often to ask")
	flags.BoolVar(&f.once, "once", false, "ask once, and print what there is to see")
	flags.BoolVar(&f.json, "json", false, "print JSON, a line for each time")
	return cmd
}

// seenNode is how a node is, or why nobody knows.
type seenNode struct {
	URL    string      `json:"url"`
	Status *rpc.Status `json:"status,omitempty"`
	Error  string      `json:"error,omitempty"`
}

// sight is what is seen at a time. Statistics are those of the best block of the first node that answered.
type sight struct {
	Time       time.Time                     `json:"time"`
	Nodes      []seenNode                    `json:"nodes"`
	Cores      []dashboard.CoreActivity      `json:"cores,omitempty"`
	Validators []dashboard.ValidatorActivity `json:"validators,omitempty"`
}

// watched is a node that is asked again and again.
type watched struct {
	url    string
	client *client.Client // nil: not connected
	params *protocol.Params
}

func (f *topFlags) run(cmd *cobra.Command, urls []string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	nodes := make([]*watched, len(urls))
	for i, url := range urls {
		nodes[i] = &watched{url: url}
		defer nodes[i].leave()
	}
	out := cmd.OutOrStdout()
	screen := topScreen{out: out, live: isTerminal(out) && !f.once}
	if !f.json {
		defer screen.begin()()
	}
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	for {
		s := look(ctx, nodes)
		if ctx.Err() != nil {
			return nil
		}
		if f.json {
			if err := json.NewEncoder(out).Encode(s); err != nil {
				return err
			}
		} else if err := screen.draw(s); err != nil {
			return err
		}
		if f.once {
			return s.err()
		}
		select {
		case <-ctx.Done():
			return s.err()
		case <-ticker.C:
		}
	}
}

// err says which nodes did not answer.
func (s *sight) err() error {
	var errs []error
	for _, n := range s.Nodes {
		if n.Status == nil {
			errs = append(errs, fmt.Errorf("%s: %s", n.URL, n.Error))
		}
	}
	return withCode(exitNetwork, errors.Join(errs...))
}

// topPatience is how long a node may take to answer.
const topPatience = 3 * time.Second

// look asks all nodes at once.
func look(ctx context.Context, nodes []*watched) *sight {
	ctx, cancel := context.WithTimeout(ctx, topPatience)
	defer cancel()
	s := &sight{Time: time.Now(), Nodes: make([]seenNode, len(nodes))}
	activities := make([]*state.Activity, len(nodes))
	var asked sync.WaitGroup
	for i, n := range nodes {
		asked.Go(func() {
			one := &s.Nodes[i]
			one.URL = n.url
			status, activity, err := n.ask(ctx)
			if err != nil {
				one.Error = err.Error()
				n.leave()
				return
			}
			one.Status, activities[i] = status, activity
		})
	}
	asked.Wait()
	for _, a := range activities {
		if a == nil {
			continue
		}
		for i := range a.Cores {
			s.Cores = append(s.Cores, dashboard.CoreActivity(a.Cores[i]))
		}
		for i := range a.Current {
			s.Validators = append(s.Validators, dashboard.ValidatorActivity(a.Current[i]))
		}
		break
	}
	return s
}

// ask asks a node how it is, and for the statistics after its best block, if it has them still.
func (n *watched) ask(ctx context.Context) (*rpc.Status, *state.Activity, error) {
	if n.client == nil {
		c, err := client.Dial(ctx, n.url)
		if err != nil {
			return nil, nil, err
		}
		n.client = c
	}
	if n.params == nil {
		p, err := n.client.Parameters(ctx)
		if err != nil {
			return nil, nil, err
		}
		if p.ValCount > math.MaxUint16 {
			return nil, nil, client.ErrAnswer
		}
		n.params = p.Params()
	}
	status, err := n.client.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	blob, err := n.client.Statistics(ctx, protocol.Hash(status.Best.Hash))
	if errors.Is(err, client.ErrUnknown) {
		return status, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	d := codec.NewDecoder(blob)
	activity := state.DecodeActivity(&d, n.params)
	return status, activity, d.Finish()
}

// leave ends the connection, so that the next question opens another.
func (n *watched) leave() {
	if n.client != nil {
		_ = n.client.Close() // it is left because it has failed, or in the end
		n.client = nil
	}
}

// topScreen shows sights: in their place on a terminal, one after another elsewhere.
type topScreen struct {
	out    io.Writer
	live   bool
	before *sight
}

// begin takes the terminal's other screen, and gives what gives it back.
func (t *topScreen) begin() func() {
	if !t.live {
		return func() {}
	}
	fmt.Fprint(t.out, "\x1b[?1049h\x1b[?25l")
	return func() { fmt.Fprint(t.out, "\x1b[?25h\x1b[?1049l") }
}

// height is how many lines a terminal has; 0 means any number.
func (t *topScreen) height() int {
	file, ok := t.out.(*os.File)
	if !ok || !t.live {
		return 0
	}
	_, lines, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return lines
}
