package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"damson/internal/protocol"
	"damson/node/chainspec"
	"damson/node/keys"
	"damson/node/srsfile"
	"damson/node/trace"

	"github.com/spf13/cobra"
)

func specCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spec",
		Short: "Make, look at and convert chain specifications (JIP-4)",
		Long:  `Spec is about files that say which chain a node is to join: its genesis, its parameters, and nodes to begin with.`,
		Example: `  damson spec generate --srs dev-insecure --id mine -o mine.json
  damson spec inspect mine.json`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(specGenerateCommand(), specInspectCommand(), specConvertCommand())
	return cmd
}

func specInspectCommand() *cobra.Command {
	var params, asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] FILE",
		Short: "Show what a chain specification says, and whether its parts belong together",
		Long: `Inspect prints the name, parameters, validators and bootnodes of a chain specification, and the hash of its genesis header. The exit status is
3 if its parts do not belong together.`,
		Example: `  damson spec inspect mine.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			s, err := chainspec.Read(paths[0])
			if err != nil {
				return err
			}
			shown, err := showSpec(s)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				err = e.Encode(shown)
			} else {
				err = shown.print(cmd.OutOrStdout(), params)
			}
			if err == nil && shown.Problem != "" {
				err = errReported
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&params, "params", false, "list all protocol parameters")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// shownSpec is what there is to see of a chain specification.
type shownSpec struct {
	ID         string            `json:"id"`
	HeaderHash string            `json:"genesis_header_hash"`
	StateRoot  string            `json:"genesis_state_root"`
	ALPN       string            `json:"alpn"`
	SRS        string            `json:"srs"`
	Chain      string            `json:"chain"` // tiny, full or custom
	Params     map[string]uint64 `json:"protocol_parameters"`
	Entries    int               `json:"state_entries"`
	Octets     int               `json:"state_octets"`
	Services   []uint32          `json:"services"`
	Bootnodes  []string          `json:"bootnodes"`
	Validators []shownKeys       `json:"validators"`
	Problem    string            `json:"problem,omitempty"`

	params *protocol.Params
}

func showSpec(s *chainspec.Spec) (*shownSpec, error) {
	sigma := s.Genesis()
	shown := &shownSpec{
		ID: s.ID, HeaderHash: s.HeaderHash().String(), StateRoot: sigma.Root().String(), ALPN: s.ALPN(), SRS: "zcash",
		Chain: chainName(s.Params), Params: make(map[string]uint64), Entries: len(s.State), params: s.Params,
	}
	if s.Insecure() {
		shown.SRS = srsfile.DevInsecure
	}
	for name, value := range s.Params.All() {
		symbol, _, _ := strings.Cut(name, " ")
		shown.Params[symbol] = value
	}
	for i := range s.State {
		shown.Octets += len(s.State[i].Key) + len(s.State[i].Value)
	}
	for _, id := range s.Services() {
		shown.Services = append(shown.Services, uint32(id))
	}
	for _, b := range s.Bootnodes {
		shown.Bootnodes = append(shown.Bootnodes, b.String())
	}
	set, err := sigma.Active()
	if err != nil {
		return nil, err
	}
	for i := range set {
		k := shownKeys{
			Name: set[i].Ed25519.PeerName(), Ed25519: hex.EncodeToString(set[i].Ed25519[:]),
			Bandersnatch: hex.EncodeToString(set[i].Bandersnatch[:]),
		}
		if address := keys.Address(&set[i]); address.IsValid() {
			k.Address = address.String()
		}
		shown.Validators = append(shown.Validators, k)
	}
	if err := s.Check(); err != nil {
		shown.Problem = err.Error()
	}
	return shown, nil
}

// chainName is tiny or full if the parameters are these, else custom.
func chainName(p *protocol.Params) string {
	for _, name := range []string{"tiny", "full"} {
		if named, _ := protocol.Named(name); *named == *p {
			return name
		}
	}
	return "custom"
}

func (s *shownSpec) print(w io.Writer, params bool) error {
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s"+format+"\n", append([]any{name}, args...)...)
	}
	line("id", "%s", s.ID)
	line("header hash", "%s", s.HeaderHash)
	line("state root", "%s", s.StateRoot)
	line("ALPN", "%s", s.ALPN)
	line("SRS", "%s", s.SRS)
	line("parameters", "%s: %d validators, %d cores, epochs of %d slots of %d s", s.Chain, s.params.Validators, s.params.Cores,
		s.params.EpochLength, s.params.SlotSeconds)
	line("state", "%d entries, %d octets", s.Entries, s.Octets)
	line("services", "%s", strings.Trim(fmt.Sprint(s.Services), "[]"))
	for _, node := range s.Bootnodes {
		line("bootnode", "%s", node)
	}
	const most = 12 // a full set has a thousand
	for i, v := range s.Validators {
		if i == most {
			line("", "and %d more", len(s.Validators)-most)
			break
		}
		line(fmt.Sprintf("validator %d", i), "%s %s", v.Name, v.Address)
	}
	if params {
		for name, value := range s.params.All() {
			symbol, name, _ := strings.Cut(name, " ")
			line("  "+symbol, "%-22s%12d", name, value)
		}
	}
	if s.SRS == srsfile.DevInsecure {
		line("warning", "%s", srsfile.Warning)
	}
	if s.Problem != "" {
		line("PROBLEM", "%s", s.Problem)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// convertFlags are what spec convert can be told.
type convertFlags struct{ to, out, id, params, srs string }

func specConvertCommand() *cobra.Command {
	var f convertFlags
	cmd := &cobra.Command{
		Use:   "convert [flags] FILE",
		Short: "Write a chain specification in another form",
		Long: `Convert reads a chain specification, or the genesis file of a trace, and writes it

  json     as a chain specification in our order, without 0x
  genesis  as the genesis file of a trace, which damson import --genesis takes
  params   as the encoded protocol parameters in hexadecimal`,
		Args: cobra.ExactArgs(1),
		Example: `  damson spec convert --to genesis -o genesis.bin dev.json
  damson spec convert --id dev --params tiny genesis.bin`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			s, err := f.read(paths[0])
			if err != nil {
				return err
			}
			switch f.to {
			case "json":
				return writeOut(cmd, f.out, s.Encode())
			case "params":
				return writeOut(cmd, f.out, []byte(hex.EncodeToString(s.Params.AppendTo(nil))+"\n"))
			case "genesis":
				h, err := s.DecodeHeader()
				if err != nil {
					return err
				}
				g := trace.Genesis{Header: *h, State: trace.Raw(s.Genesis())}
				return writeOut(cmd, f.out, g.AppendTo(nil))
			}
			return fmt.Errorf("--to %s: want json, genesis or params", f.to)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "json", "form to write: json, genesis or params")
	flags.StringVarP(&f.out, "out", "o", "", "`FILE` to write instead of standard output")
	flags.StringVar(&f.id, "id", chainspec.PublicID, "name of the chain, which a genesis file does not hold")
	flags.StringVar(&f.srs, "srs", "zcash", "what ring proofs rest on, which a genesis file does not hold: zcash or "+srsfile.DevInsecure)
	flags.StringVar(&f.params, "params", "tiny", "parameters, which a genesis file does not hold: tiny, full or a `FILE`")
	return cmd
}

func (f *convertFlags) read(path string) (*chainspec.Spec, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return chainspec.Read(path)
	}
	p, err := loadParams(f.params)
	if err != nil {
		return nil, err
	}
	g, err := trace.DecodeGenesis(data, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := g.State.State(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &chainspec.Spec{ID: f.id, Header: g.Header.AppendTo(nil), State: g.State.Entries, Params: p, SRS: f.srs}
	// What a specification must be is checked where one is read.
	if s, err = chainspec.Decode(s.Encode()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// loadParams gives the parameters that --spec names: tiny, full, or a file that holds the 134 octets of the protocol
// parameters, as they are, in hexadecimal, or as "protocol_parameters" in a JIP-4 chain specification.
func loadParams(spec string) (*protocol.Params, error) {
	if p, ok := protocol.Named(spec); ok {
		return p, nil
	}
	data, err := os.ReadFile(spec)
	if err != nil {
		return nil, fmt.Errorf("--spec %s: neither tiny nor full, and no file: %w", spec, err)
	}
	octets := data
	if trimmed := bytes.TrimSpace(data); len(data) != protocol.ParamsSize {
		text := string(trimmed)
		if len(trimmed) > 0 && trimmed[0] == '{' {
			var chain struct {
				Parameters string `json:"protocol_parameters"`
			}
			if err := json.Unmarshal(trimmed, &chain); err != nil {
				return nil, fmt.Errorf("%s: %w", spec, err)
			}
			text = chain.Parameters
		}
		if octets, err = hex.DecodeString(strings.TrimPrefix(text, "0x")); err != nil {
			return nil, fmt.Errorf("%s: protocol parameters: %w", spec, err)
		}
	}
	p, err := protocol.DecodeParams(octets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	return p, nil
}
