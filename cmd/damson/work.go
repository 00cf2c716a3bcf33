package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node/builder"

	"github.com/spf13/cobra"
)

func workCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Bring work to a chain, and see what becomes of it",
		Example: `  damson work submit --rpc ws://127.0.0.1:19800 --service 4 --payload 'hello'
  damson work watch --rpc ws://127.0.0.1:19800 0xHASH`,
		Long: `Work starts a node in memory that follows a chain, and hands packages straight to the guarantors of a core, as builders do
(JAMNP-S, CE 133). With --rpc it starts nothing, and asks a node that runs to do so (JIP-2). damson testnet --data-path DIR runs a network
to try it on.`,
	}
	cmd.AddCommand(workSubmitCommand(), workWatchCommand())
	return cmd
}

// workFile is a package in JSON.
type workFile struct {
	Core  *uint16    `json:"core,omitempty"`
	Items []workItem `json:"items"`
}

type workItem struct {
	Service       uint32       `json:"service"`
	Payload       string       `json:"payload"` // as in parseData
	RefineGas     uint64       `json:"refine_gas,omitempty"`
	AccumulateGas uint64       `json:"accumulate_gas,omitempty"`
	Exports       uint16       `json:"exports,omitempty"`
	Imports       []workImport `json:"imports,omitempty"`
	Extrinsics    []string     `json:"extrinsics,omitempty"` // as in parseData
}

type workImport struct {
	Root    string `json:"root,omitempty"`    // of the exports
	Package string `json:"package,omitempty"` // that has exported; in place of root
	Index   uint16 `json:"index"`
}

// item makes what a builder knows.
func (w *workItem) item() (x builder.Item, err error) {
	x = builder.Item{
		Service: protocol.ServiceID(w.Service), RefineGas: protocol.Gas(w.RefineGas), AccumulateGas: protocol.Gas(w.AccumulateGas),
		Exports: w.Exports,
	}
	if x.Payload, err = parseData(w.Payload); err != nil {
		return x, fmt.Errorf("payload: %w", err)
	}
	for _, text := range w.Extrinsics {
		data, err := parseData(text)
		if err != nil {
			return x, fmt.Errorf("extrinsic: %w", err)
		}
		x.Extrinsics = append(x.Extrinsics, data)
	}
	for _, i := range w.Imports {
		one := block.Import{Index: i.Index, ByPackage: i.Package != ""}
		if one.ByPackage == (i.Root != "") {
			return x, errors.New("import: want root or package")
		}
		if one.Root, err = parseHash(i.Root + i.Package); err != nil {
			return x, fmt.Errorf("import: %w", err)
		}
		x.Imports = append(x.Imports, one)
	}
	return x, nil
}

// submitFlags are what work submit can be told.
type submitFlags struct {
	follow  followFlags
	core    uint16
	item    workItem
	imports []string
	file    string
	until   string
	json    bool
}

func workSubmitCommand() *cobra.Command {
	var f submitFlags
	cmd := &cobra.Command{
		Use:   "submit [flags] [FILE]",
		Short: "Submit a package",
		Long: `Submit makes a package on the best block, submits it to the guarantors of a core, and shows each stage with its time.

The package has one item, which the flags tell, or those of a JSON file:

  {"core": 0, "items": [{"service": 1, "payload": "0x0100...", "refine_gas": 1000000, "accumulate_gas": 100000, "exports": 0,
    "imports": [{"package": "0x...", "index": 0}], "extrinsics": ["@data.bin"]}]}

Payloads and extrinsics are 0x and hexadecimal, @ and the name of a file, or text.`,
		Args: cobra.MaximumNArgs(1),
		Example: `  damson testnet --data-path /tmp/net --slots 600 &
  damson work submit --network /tmp/net --core 0 --service 4 --payload ""
  damson work submit --network /tmp/net package.json --until finalized
  damson work submit --rpc ws://127.0.0.1:19800 --core 1 --service 4`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.file = args[0]
			}
			return f.run(cmd)
		},
	}
	f.follow.register(cmd)
	flags := cmd.Flags()
	flags.Uint16Var(&f.core, "core", 0, "the core to submit to")
	flags.Uint32Var(&f.item.Service, "service", 0, "the service that the item is for")
	flags.StringVar(&f.item.Payload, "payload", "", "the item's payload: 0xHEX, @FILE or text")
	flags.Uint64Var(&f.item.RefineGas, "refine-gas", 0, "the item's gas for refinement; 0 means 10,000,000")
	flags.Uint64Var(&f.item.AccumulateGas, "accumulate-gas", 0, "the item's gas for accumulation; 0 means as much as a package may have")
	flags.Uint16Var(&f.item.Exports, "exports", 0, "how many segments the item exports")
	flags.StringArrayVar(&f.imports, "import", nil, "a segment to import: `ROOT:INDEX`, or package:HASH:INDEX")
	flags.StringArrayVar(&f.item.Extrinsics, "extrinsic", nil, "data that comes with the item: 0xHEX, @FILE or text")
	flags.StringVar(&f.until, "until", "accumulated", "the stage to wait for: "+stageNames())
	flags.BoolVar(&f.json, "json", false, "print each stage as a JSON object")
	return cmd
}

func stageNames() string {
	var names []string
	for s := builder.Submitted; s < builder.Stages; s++ {
		names = append(names, s.String())
	}
	return strings.Join(names, ", ")
}

func parseStage(name string) (builder.Stage, error) {
	for s := builder.Submitted; s < builder.Stages; s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, withCode(exitUsage, fmt.Errorf("no stage %q; there are %s", name, stageNames()))
}

// items reads what the package is made of.
func (f *submitFlags) items(cmd *cobra.Command) (items []builder.Item, err error) {
	w := workFile{Items: []workItem{f.item}}
	if f.file != "" {
		text, err := readText(cmd, f.file)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.DisallowUnknownFields()
		w = workFile{}
		if err := d.Decode(&w); err != nil {
			return nil, fmt.Errorf("%s: %w", f.file, err)
		}
		if w.Core != nil && !cmd.Flags().Changed("core") {
			f.core = *w.Core
		}
	} else {
		for _, text := range f.imports {
			at := strings.LastIndexByte(text, ':')
			index, err := strconv.ParseUint(text[at+1:], 10, 16)
			if at < 0 || err != nil {
				return nil, fmt.Errorf("--import %s: want ROOT:INDEX", text)
			}
			i := workImport{Root: text[:at], Index: uint16(index)}
			if hash, ok := strings.CutPrefix(i.Root, "package:"); ok {
				i.Root, i.Package = "", hash
			}
			w.Items[0].Imports = append(w.Items[0].Imports, i)
		}
	}
	for i := range w.Items {
		item, err := w.Items[i].item()
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
		items = append(items, item)
	}
	return items, nil
}

func (f *submitFlags) run(cmd *cobra.Command) error {
	until, err := parseStage(f.until)
	if err != nil {
		return err
	}
	items, err := f.items(cmd)
	if err != nil {
		return withCode(exitUsage, err)
	}
	return f.follow.with(cmd, func(ctx context.Context, x access) error {
		hash, err := x.submit(ctx, protocol.Core(f.core), items...)
		if err != nil {
			return err
		}
		return x.watch(ctx, hash, until, &stagePrinter{out: cmd.OutOrStdout(), json: f.json})
	})
}

// failure says which items of a package could not be refined.
func failure(t *builder.Track) (err error) {
	if t.Report == nil {
		return nil
	}
	for i := range t.Report.Digests {
		if why := t.Report.Digests[i].Result.Outcome; why != block.OutcomeOK {
			err = errors.Join(err, fmt.Errorf("item %d: %s", i, outcomeNames[why]))
		}
	}
	return err
}

var outcomeNames = map[block.Outcome]string{
	block.OutcomeOutOfGas: "out of gas", block.OutcomePanic: "panic", block.OutcomeBadExports: "wrong number of exports",
	block.OutcomeOversize: "too much output", block.OutcomeBadCode: "the service has no such code", block.OutcomeCodeTooBig: "the code is too big",
}

// stagePrinter prints stages as they come.
type stagePrinter struct {
	out   io.Writer
	json  bool
	first time.Time
	shown [builder.Stages]bool
	named bool
}

type shownStage struct {
	Package protocol.Hash `json:"-"`
	Hash    string        `json:"package"`
	Stage   string        `json:"stage"`
	Slot    uint32        `json:"slot"`
	Time    time.Time     `json:"time"`
	After   float64       `json:"seconds"`
	Core    uint16        `json:"core"`
	Exports string        `json:"exports_root,omitempty"`
}

func (p *stagePrinter) show(t *builder.Track) error {
	if !p.named && !p.json {
		p.named = true
		fmt.Fprintf(p.out, "package %s\n", t.Hash)
		if _, begun := t.Last(); !begun {
			fmt.Fprintln(p.out, "The chain knows nothing of it yet, or no more.")
		}
	}
	for s := builder.Submitted; s < builder.Stages; s++ {
		if !t.Has(s) || p.shown[s] {
			continue
		}
		if p.shown[s] = true; p.first.IsZero() {
			p.first = t.At[s]
		}
		line := shownStage{
			Hash: t.Hash.String(), Stage: s.String(), Slot: uint32(t.Slots[s]), Time: t.At[s], After: t.At[s].Sub(p.first).Seconds(),
			Core: uint16(t.Core),
		}
		if t.Report != nil && t.Report.Package.ExportsCount > 0 {
			line.Exports = t.Report.Package.ExportsRoot.String()
		}
		if p.json {
			if err := json.NewEncoder(p.out).Encode(&line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(p.out, "%-12s slot %d  %8.2f s  %s\n", line.Stage, line.Slot, line.After, line.Time.Format("15:04:05.000"))
	}
	return nil
}

func workWatchCommand() *cobra.Command {
	var f followFlags
	var until string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "watch [flags] HASH",
		Short:   "Show the stages of a package",
		Example: `  damson work watch --rpc ws://127.0.0.1:19800 0x0bbba7a97d26d02cfd45d47eef58775f625bd1d04f990b88188d354554ae8f6d`,
		Long: `Watch shows the stages that a package comes to from now on, each with its time. Of what was before it shows what the state
of the chain still tells. Without --until it ends when the package is final.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := parseHash(args[0])
			if err != nil {
				return withCode(exitUsage, err)
			}
			stage, err := parseStage(until)
			if err != nil {
				return err
			}
			return f.with(cmd, func(ctx context.Context, x access) error {
				return x.watch(ctx, hash, stage, &stagePrinter{out: cmd.OutOrStdout(), json: asJSON})
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&until, "until", "finalized", "the stage to wait for: "+stageNames())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each stage as a JSON object")
	return cmd
}
