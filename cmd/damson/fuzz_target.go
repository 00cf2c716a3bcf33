package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"damson/node/conformance"
	"damson/node/importer"

	"github.com/spf13/cobra"
)

// fuzzTargetFlags are what the fuzz-target command can be told.
type fuzzTargetFlags struct {
	socket, spec, engine string
	quiet                bool
	data                 string
	cache                int64 // MiB
	profiles             profileFlags
}

func fuzzTargetCommand() *cobra.Command {
	var f fuzzTargetFlags
	cmd := &cobra.Command{
		Use:   "fuzz-target --socket PATH",
		Short: "Serve the JAM fuzz protocol on a Unix socket",
		Long: `Fuzz-target imports the blocks that a fuzzer sends and answers with the state roots that result. It speaks
version 1 of the fuzz protocol with both features, ancestry and forks. States are kept in memory, or with --data-path
on disk: those of each Initialize in a folder of their own, which is removed with them.

Sessions follow one another, each with a state of its own. SIGINT and SIGTERM end the program and remove the socket.`,
		Example: `  damson fuzz-target --socket /tmp/jam_target.sock
  damson fuzz-target --socket /tmp/jam_target.sock --engine verify`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runFuzzTarget(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.socket, "socket", "", "`PATH` of the socket to listen on")
	flags.StringVar(&f.spec, "spec", "tiny", "chain parameters: tiny, full, or a file with the encoded parameters or a chain spec")
	flags.StringVar(&f.engine, "engine", "auto", "what runs the services' code: "+engineNames)
	f.profiles.register(flags)
	flags.StringVar(&f.data, "data-path", "", "keep states in the folder `DIR`, which no other program must use")
	flags.Int64Var(&f.cache, "cache", defaultCache, "`MiB` of memory for what is read of states on disk")
	flags.BoolVar(&f.quiet, "quiet", false, "log only what went wrong")
	if err := cmd.MarkFlagRequired("socket"); err != nil {
		panic(err) // the flag is declared above
	}
	return cmd
}

// Unless the environment says otherwise, the collector runs a quarter as often as it would: states are small beside what
// blocks allocate, and a collection shows in the slowest percent of blocks. A large state gets no more than the limit.
const (
	collectorPercent = 400
	memoryLimit      = 4 << 30
)

func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

func runFuzzTarget(cmd *cobra.Command, f *fuzzTargetFlags) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	tuneCollector()
	cacheBytes, err := cacheOctets(f.cache)
	if err != nil {
		return err
	}
	params, err := loadParams(f.spec)
	if err != nil {
		return err
	}
	engine, err := newEngine(f.engine, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	im, err := importer.New(importer.Options{Params: params, Engine: engine})
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if f.quiet {
		level = slog.LevelWarn
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	target := conformance.NewTarget(conformance.TargetOptions{
		Params: params, Importer: im, Version: appVersion(), Log: log, Data: f.data, CacheBytes: cacheBytes,
	})
	stopProfile, err := f.profiles.start(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	listener, err := conformance.Listen(f.socket)
	if err != nil {
		return fmt.Errorf("--socket: %w", err)
	}
	log.Info("listening", "socket", f.socket, "spec", f.spec, "engine", f.engine)
	err = target.Serve(ctx, listener)
	if stopErr := stopProfile(); err == nil {
		err = stopErr
	}
	return err
}

// appVersion is the program's version as the handshake has it: that of the module, if it has one.
func appVersion() (v conformance.Version) {
	if n, err := fmt.Sscanf(buildVersion(), "v%d.%d.%d", &v.Major, &v.Minor, &v.Patch); n == 3 && err == nil {
		return v
	}
	return conformance.Version{Minor: 1}
}
