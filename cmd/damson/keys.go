package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"damson/node/keys"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make and look at the keys of validators",
		Example: `  damson keys generate --out validator.key --encrypt
  damson keys inspect validator.key`,
		Long: `Keys makes the seeds that validators' keys are derived from, as JIP-5 says, and shows what follows from them.

A key file can be read by its owner alone. With --encrypt it is encrypted with a passphrase, in the format of age:
"age --decrypt FILE" shows it, too.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(keysGenerateCommand(), keysInspectCommand())
	return cmd
}

func keysGenerateCommand() *cobra.Command {
	var out, passphraseFile string
	var encrypt, asJSON bool
	cmd := &cobra.Command{
		Use:   "generate [flags]",
		Short: "Make a new seed and write it to a file",
		Long: `Generate takes a new seed from the operating system, writes it to a file that its owner alone can read, and prints the public keys that
follow from it (JIP-5). With --encrypt the file is protected by a passphrase.`,
		Args:    cobra.NoArgs,
		Example: "  damson keys generate --out validator.key --encrypt",
		RunE: func(cmd *cobra.Command, _ []string) error {
			seed, err := keys.NewSeed()
			if err != nil {
				return err
			}
			var o keys.Options
			if encrypt || passphraseFile != "" {
				o.Passphrase = passphrase(cmd.ErrOrStderr(), passphraseFile, true)
			}
			v := seed.Derive()
			if err := keys.Save(out, v, o); err != nil {
				return err
			}
			if !asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "wrote %s: keep it secret, and a copy of it safe\n", out)
			}
			return printKeys(cmd.OutOrStdout(), []shownKeys{show(v, netip.AddrPort{}, false)}, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&out, "out", "o", "validator"+keys.Suffix, "`FILE` to write, which must not exist")
	flags.BoolVar(&encrypt, "encrypt", false, "encrypt the file with a passphrase")
	flags.StringVar(&passphraseFile, "passphrase-file", "", "encrypt with the passphrase that the first line of a `FILE` holds")
	flags.BoolVar(&asJSON, "json", false, "print the public keys as JSON")
	return cmd
}

func keysInspectCommand() *cobra.Command {
	var passphraseFile, seed string
	var dev []uint
	var secrets, asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] [FILE...]",
		Short: "Show the public keys of key files, development validators or a seed",
		Long: `Inspect prints, for each key file, the name that peers know it by and its public Ed25519 and Bandersnatch keys. The seed is shown with
--secret alone. Keys of development validators (--dev) follow from their numbers, and everybody knows them.`,
		Example: `  damson keys inspect validator.key
  damson keys inspect --dev 0,1,2,3,4,5 --json`,
		RunE: func(cmd *cobra.Command, paths []string) error {
			var shown []shownKeys
			for _, path := range paths {
				v, err := keys.Load(path, keys.Options{Passphrase: passphrase(cmd.ErrOrStderr(), passphraseFile, false)})
				if err != nil {
					return err
				}
				shown = append(shown, show(v, netip.AddrPort{}, secrets))
			}
			for _, number := range dev {
				address, err := devAddress(number, firstDevPort)
				if err != nil {
					return err
				}
				shown = append(shown, show(keys.Trivial(uint32(number)).Derive(), address, secrets))
			}
			if seed != "" {
				s, err := keys.ParseSeed(seed)
				if err != nil {
					return err
				}
				shown = append(shown, show(s.Derive(), netip.AddrPort{}, secrets))
			}
			if len(shown) == 0 {
				return errors.New("name a key file, --dev or --seed")
			}
			return printKeys(cmd.OutOrStdout(), shown, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.UintSliceVar(&dev, "dev", nil, "`NUMBER`s of development validators, whose seeds everybody knows")
	flags.StringVar(&seed, "seed", "", "a seed in `HEX`")
	flags.StringVar(&passphraseFile, "passphrase-file", "", "the passphrase is the first line of a `FILE`")
	flags.BoolVar(&secrets, "secret", false, "show the seed, too")
	flags.BoolVar(&asJSON, "json", false, "print a list that damson spec generate --validators takes")
	return cmd
}

// firstDevPort is where validator 0 of a development chain listens.
const firstDevPort = 40_000

// devAddress is where a development validator is reached.
func devAddress(number, firstPort uint) (netip.AddrPort, error) {
	const last = 1<<16 - 1
	if firstPort > last || number > last-firstPort {
		return netip.AddrPort{}, fmt.Errorf("development validator %d: no port is left from %d on", number, firstPort)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(firstPort+number)), nil
}

// shownKeys is what there is to see of a validator.
type shownKeys struct {
	Name         string `json:"peer_name"`
	Ed25519      string `json:"ed25519"`
	Bandersnatch string `json:"bandersnatch"`
	Address      string `json:"address,omitempty"`
	Seed         string `json:"seed,omitempty"`
}

func show(v *keys.Validator, address netip.AddrPort, secret bool) shownKeys {
	public := v.Public(address)
	s := shownKeys{
		Name: v.PeerName(), Ed25519: hex.EncodeToString(public.Ed25519[:]), Bandersnatch: hex.EncodeToString(public.Bandersnatch[:]),
	}
	if address.IsValid() {
		s.Address = address.String()
	}
	if secret {
		s.Seed = hex.EncodeToString(v.Seed[:])
	}
	return s
}

func printKeys(w io.Writer, all []shownKeys, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	var b bytes.Buffer
	for i, k := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range []struct{ name, value string }{
			{"peer name", k.Name}, {"Ed25519", k.Ed25519}, {"Bandersnatch", k.Bandersnatch}, {"address", k.Address}, {"seed", k.Seed},
		} {
			if line.value != "" {
				fmt.Fprintf(&b, "%-14s%s\n", line.name, line.value)
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// passphrase gives a function that takes the passphrase from a file or asks for it on the terminal, twice if it is new.
func passphrase(w io.Writer, path string, isNew bool) func() (string, error) {
	if path != "" {
		return func() (string, error) {
			contents, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			line, _, _ := strings.Cut(string(contents), "\n")
			return strings.TrimSuffix(line, "\r"), nil
		}
	}
	return func() (string, error) {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return "", fmt.Errorf("%w: no terminal to ask for it; name a --passphrase-file", keys.ErrPassphrase)
		}
		first, err := ask(w, "Passphrase: ")
		if err != nil || !isNew {
			return first, err
		}
		if again, err := ask(w, "Again: "); err != nil || again != first {
			return "", errors.Join(errors.New("the two passphrases differ"), err)
		}
		return first, nil
	}
}

func ask(w io.Writer, question string) (string, error) {
	fmt.Fprint(w, question)
	answer, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(w)
	return string(answer), err
}
