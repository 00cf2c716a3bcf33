package main

import (
	"fmt"
	"io"
	"net"
	"strconv"

	"damson/internal/engine"
	"damson/internal/pvm"
	"damson/interp"
	"damson/jit"
	"damson/node/doctor"
	"damson/node/srsfile"

	"github.com/spf13/cobra"
)

// doctorFlags are what the doctor command can be told: the flags of the run command that bear on the machine.
type doctorFlags struct {
	keys, passphraseFile, dataPath, listen, srs string
	rpcHost                                     string
	rpcPort                                     uint16
	ntp                                         []string
	offline, json, devSRS                       bool
}

func doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Look for what keeps a node from running well here, and say what to do",
		Long: `Doctor checks the clock (by NTP), the ports, the key files, the data folder and its disk, the reference string, the limit of open files,
the processor, and whether the recompiler and the interpreter agree. It changes nothing. Give it the flags that the node is run with.

The exit status is 1 if there is a fault: something that keeps the node from its duties.`,
		Example: `  damson doctor
  damson doctor --keys ~/validator --data-path /var/lib/damson --listen 0.0.0.0:40000
  damson doctor --offline --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.keys, "keys", "", "folder `DIR` of the validator's key files")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "", "the passphrase of key files is the first line of a `FILE`; without, encrypted ones are not opened")
	flags.StringVar(&f.dataPath, "data-path", srsfile.DataFolder(), "folder `DIR` of the node's data")
	flags.StringVar(&f.listen, "listen", "[::]:40000", "`IP:PORT` for peers (UDP); empty: not looked at")
	flags.StringVar(&f.rpcHost, "rpc-host", "127.0.0.1", "`IP` at which requests are answered")
	flags.Uint16Var(&f.rpcPort, "rpc-port", rpcPort, "TCP `PORT` for requests; 0: not looked at")
	flags.StringVar(&f.srs, "srs", "", "`FILE` of the reference string that tickets are made with")
	flags.BoolVar(&f.devSRS, "dev-srs", false, "the chain rests on the development reference string")
	flags.StringArrayVar(&f.ntp, "ntp", doctor.Servers(), "`SERVER` that tells the time")
	flags.BoolVar(&f.offline, "offline", false, "do not ask for the time")
	flags.BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

func runDoctor(cmd *cobra.Command, f *doctorFlags) error {
	o := doctor.Options{NTP: f.ntp, Keys: f.keys, Data: f.dataPath, SRS: f.srs, DevSRS: f.devSRS}
	if f.offline {
		o.NTP = nil
	}
	if f.listen != "" {
		o.Ports = append(o.Ports, doctor.Port{Name: "for peers", Network: "udp", Address: f.listen})
	}
	if f.rpcPort != 0 {
		at := net.JoinHostPort(f.rpcHost, strconv.Itoa(int(f.rpcPort)))
		o.Ports = append(o.Ports, doctor.Port{Name: "for requests", Network: "tcp", Address: at})
	}
	if f.passphraseFile != "" {
		o.Secret = passphrase(io.Discard, f.passphraseFile, false)
	}
	o.Machine.Interp = interp.New()
	o.Machine.JIT = func() (pvm.Engine, error) {
		made, why, err := engine.New(engine.Auto, jit.Options{})
		if err == nil {
			err = why
		}
		return made, err
	}
	findings := doctor.Examine(cmd.Context(), o)
	out := cmd.OutOrStdout()
	if f.json {
		text, err := doctor.JSON(findings)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", text); err != nil {
			return err
		}
	} else if err := showFindings(out, findings); err != nil {
		return err
	}
	if doctor.Worst(findings) == doctor.Fault {
		return errReported
	}
	return nil
}

func showFindings(out io.Writer, findings []doctor.Finding) error {
	count := make(map[doctor.Level]int)
	for _, f := range findings {
		count[f.Level]++
		text := fmt.Sprintf("%-8v %-26s %s\n", f.Level, f.Check, f.Says)
		if f.Fix != "" {
			text += fmt.Sprintf("%35s what to do: %s\n", "", f.Fix)
		}
		if _, err := io.WriteString(out, text); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(out, "%d faults, %d warnings, %d checks without a finding\n", count[doctor.Fault], count[doctor.Warning], count[doctor.Good])
	return err
}
