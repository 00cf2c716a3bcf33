// Command accept runs what one `go test` cannot: the whole test run with its counts of official vectors, all
// fuzz targets in turn, and the acceptance points of a part of the plan at full size.
//
//	go run ./internal/accept test [-race] [-count N] PACKAGES   what `make test` and `make race` run
//	go run ./internal/accept vectors                           every official vector, none left unopened
//	go run ./internal/accept fuzz [-time 10s] PACKAGES          every fuzz target there is
//	go run ./internal/accept docs [-write] [FILES]              the commands of README.md and docs/SERVICES.md, in a clone
//	go run ./internal/accept point -part 1 [-only A3,A5]        one line for each acceptance point
//
// It is for `make` and for nobody else; the binary that users get is cmd/damson.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// errFailed ends a command whose output has said everything already.
var errFailed = errors.New("failed")

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: accept test|vectors|fuzz|docs|point …")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "accept:", err)
		}
		os.Exit(1)
	}
}

func run(command string, args []string) error {
	flags := flag.NewFlagSet(command, flag.ExitOnError)
	switch command {
	case "test":
		race := flags.Bool("race", false, "run under the race detector")
		count := flags.Int("count", 0, "run each test so often; 0 lets go test answer from its cache")
		tags := flags.String("tags", "", "build tags")
		flags.Parse(args) //nolint:errcheck // ExitOnError
		return test(testOptions{race: *race, count: *count, tags: *tags, packages: packages(flags)})
	case "vectors":
		flags.Parse(args) //nolint:errcheck // ExitOnError
		return allVectors()
	case "fuzz":
		each := flags.Duration("time", 10*time.Second, "how long to fuzz each target")
		flags.Parse(args) //nolint:errcheck // ExitOnError
		return fuzz(packages(flags), *each)
	case "docs":
		write := flags.Bool("write", false, "write what is printed into the text blocks that are empty")
		flags.Parse(args) //nolint:errcheck // ExitOnError
		_, err := runDocuments(flags.Args(), *write)
		return err
	case "point":
		o := options{}
		flags.IntVar(&o.part, "part", 1, "part of the plan")
		flags.StringVar(&o.only, "only", "", "run these points alone, with commas between them")
		flags.DurationVar(&o.fuzzTime, "fuzztime", 5*time.Minute, "how long to fuzz each target")
		flags.Uint64Var(&o.seed, "seed", 1, "seed of what is random")
		flags.Parse(args) //nolint:errcheck // ExitOnError
		return points(o)
	}
	return fmt.Errorf("unknown command %q", command)
}

func packages(flags *flag.FlagSet) []string {
	if flags.NArg() == 0 {
		return []string{"./..."}
	}
	return flags.Args()
}
