package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"damson/internal/protocol"
	"damson/node/chainspec"
	"damson/node/keys"
	"damson/node/srsfile"
	"damson/state"

	"github.com/spf13/cobra"
)

// generateFlags are what spec generate can be told.
type generateFlags struct {
	id, params, validators, srs, service, authorizer, out string
	set, bootnodes                                        []string
	firstPort                                             uint
}

func specGenerateCommand() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   "generate [flags]",
		Short: "Make a chain specification",
		Long: `Generate makes the specification of a new chain.

As it is, it makes a chain with the header of the public development chain: six development validators at
127.0.0.1:40000 to 40005, tiny parameters. With the bootstrap service and the authorizer of that chain (--service,
--authorizer) its state is the same, too. Without, service 0 is a small store that comes with the program, and the
authorizer lets everybody in. Another --id or --srs makes a chain of its own.

With --srs dev-insecure nobody needs the file of the Zcash ceremony, and everybody can forge tickets.`,
		Args: cobra.NoArgs,
		Example: `  damson spec generate --service bootstrap-service.jam -o dev.json
  damson spec generate --id mine --srs dev-insecure --set V=12 --set C=4 -o mine.json
  damson spec generate --id mine --validators keys.json -o mine.json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.generate()
			if err != nil {
				return err
			}
			if s.Insecure() {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+srsfile.Warning)
			} else if f.id == chainspec.PublicID && f.service == "" {
				fmt.Fprintln(cmd.ErrOrStderr(), publicNote)
			}
			return writeOut(cmd, f.out, s.Encode())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", chainspec.PublicID, "name of the chain")
	flags.StringVar(&f.params, "params", "tiny", "parameters: tiny, full, or a `FILE` with the encoded ones or a chain spec")
	flags.StringArrayVar(&f.set, "set", nil, "change a parameter, by its symbol in the Gray Paper: `SYMBOL=VALUE`")
	flags.StringVar(&f.validators, "validators", "dev",
		"the validators: dev, or a `FILE` with a JSON list of ed25519, bandersnatch and address, as keys inspect --json prints")
	flags.UintVar(&f.firstPort, "first-port", firstDevPort, "port of the first development validator")
	flags.StringVar(&f.srs, "srs", "zcash", "what ring proofs rest on: zcash or "+srsfile.DevInsecure)
	flags.StringVar(&f.service, "service", "", "code of service 0, a `FILE`")
	flags.StringVar(&f.authorizer, "authorizer", "", "code of the first authorizer, a `FILE`")
	flags.StringArrayVar(&f.bootnodes, "bootnode", nil, "a node that accepts connections: `NAME@IP:PORT`")
	flags.StringVarP(&f.out, "out", "o", "", "`FILE` to write instead of standard output")
	return cmd
}

const publicNote = `note: a chain "dev" has the header of the public development chain, but this one has another service 0:
name the public one with --service, or choose another --id`

func (f *generateFlags) generate() (*chainspec.Spec, error) {
	r := &chainspec.Recipe{ID: f.id, SRS: f.srs}
	var err error
	if r.Params, err = f.parameters(); err != nil {
		return nil, err
	}
	if f.validators == "dev" {
		r.Validators, err = devValidators(r.Params.Validators, f.firstPort)
	} else {
		r.Validators, err = readValidators(f.validators)
	}
	if err != nil {
		return nil, err
	}
	for _, text := range f.bootnodes {
		b, err := chainspec.ParseBootnode(text)
		if err != nil {
			return nil, err
		}
		r.Bootnodes = append(r.Bootnodes, b)
	}
	for path, code := range map[string]*[]byte{f.service: &r.Bootstrap, f.authorizer: &r.Authorizer} {
		if path == "" {
			continue
		}
		if *code, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return chainspec.Generate(r)
}

func (f *generateFlags) parameters() (*protocol.Params, error) {
	p, err := loadParams(f.params)
	if err != nil {
		return nil, err
	}
	for _, change := range f.set {
		symbol, text, _ := strings.Cut(change, "=")
		value, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--set %s: want SYMBOL=VALUE", change)
		}
		if err := p.Set(symbol, value); err != nil {
			return nil, err
		}
	}
	return p, p.Validate()
}

func devValidators(count int, firstPort uint) (state.Validators, error) {
	set := make(state.Validators, count)
	for i := range set {
		address, err := devAddress(uint(i), firstPort)
		if err != nil {
			return nil, err
		}
		set[i] = keys.Trivial(uint32(i)).Derive().Public(address)
	}
	return set, nil
}

// readValidators reads what keys inspect --json prints, with addresses if there are any.
func readValidators(path string) (state.Validators, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []shownKeys
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	set := make(state.Validators, len(list))
	for i, shown := range list {
		if err := shown.read(&set[i]); err != nil {
			return nil, fmt.Errorf("%s: validator %d: %w", path, i, err)
		}
	}
	return set, nil
}

func (k *shownKeys) read(v *state.ValidatorKeys) error {
	for _, key := range []struct {
		name, text string
		octets     []byte
	}{{"ed25519", k.Ed25519, v.Ed25519[:]}, {"bandersnatch", k.Bandersnatch, v.Bandersnatch[:]}} {
		octets, err := hex.DecodeString(strings.TrimPrefix(key.text, "0x"))
		if err != nil || copy(key.octets, octets) != len(key.octets) || len(octets) != len(key.octets) {
			return fmt.Errorf("%s: want 32 octets in hexadecimal", key.name)
		}
	}
	if name := v.Ed25519.PeerName(); k.Name != "" && k.Name != name {
		return errors.New("the peer name is not that of the Ed25519 key")
	}
	if k.Address == "" {
		return nil
	}
	address, err := netip.ParseAddrPort(k.Address)
	if err != nil {
		return err
	}
	keys.SetAddress(v, address)
	return nil
}

// writeOut writes to a file, or to standard output if none is named.
func writeOut(cmd *cobra.Command, path string, data []byte) error {
	if path == "" {
		_, err := cmd.OutOrStdout().Write(data)
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
