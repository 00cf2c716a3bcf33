# What one does with this repository every day. The recipes are short: what needs more than a line is a Go
# program or a script of its own. `make` alone lists the targets.

GO      ?= go
LINT    := golangci-lint
LINT_AT := v2.15.0
# Tools are built by the module proxy's checksums and kept apart by version.
TOOLS   := bin
GOLINT  := $(TOOLS)/$(LINT)-$(LINT_AT)

PKG      ?= ./...
PART     ?= 1
SEED     ?= 1
N        ?= 20000
FUZZTIME ?= 10s
BENCH    ?= .
COUNT    ?= 10

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build test race vectors conformance fuzz nodiff sim bench bench-pvm bench-diff profile-import \
	generate graphs notices man docs release fmt lint tidy check accept clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-15s %s\n", $$1, $$2}'

build: ## the binary, as ./damson
	$(GO) build -trimpath -o damson ./cmd/damson

test: ## unit tests, and the official vectors where they are at hand
	@$(GO) run ./internal/accept test $(PKG)

race: ## the same under the race detector (needs a C compiler)
	@CGO_ENABLED=1 $(GO) run ./internal/accept test -race $(PKG)

vectors: ## every official vector; fails for one that no test opened
	@$(GO) run ./internal/accept vectors

conformance: ## recorded sessions of the fuzzing protocol, over its socket
	@.ci/conformance

fuzz: ## every fuzz target in turn, FUZZTIME=10s each
	@$(GO) run ./internal/accept fuzz -time $(FUZZTIME) $(PKG)

nodiff: ## both engines against each other: N=20000 cases of each kind, or N=10m of each, from SEED=1
	$(GO) test -count=1 -timeout=0 -v -run '^(TestGolden|TestGenerated|TestMutated|TestRaw)$$' ./internal/nodiff \
		-nodiff.n=$(N) -nodiff.seed=$(SEED)

sim: ## networks of whole nodes with faults: N=20 seeds from SEED=1; TRACE=true prints what happens; SIM=TestWork has packages
	$(GO) test -count=1 -timeout=0 -v -run '^$(or $(SIM),TestSim)$$' ./node/sim -sim.seed=$(SEED) \
		-sim.n=$(if $(filter command line,$(origin N)),$(N),20) -sim.trace=$(or $(TRACE),false)

bench: ## all suites of bench/
	$(GO) test -run='^$$' -bench='$(BENCH)' -benchmem -timeout=60m ./bench/...

bench-pvm: ## guest programs beside C, Go and wazero, into docs/BENCHMARKS.md
	$(GO) run ./bench/pvm/table -write docs/BENCHMARKS.md
	$(GO) run ./internal/graphs

bench-diff: ## COUNT=10 runs of BENCH at the commit OLD and here, compared by benchstat
	@.ci/bench-diff '$(OLD)' '$(BENCH)' '$(COUNT)'

profile-import: ## CPU profile of an import, TRACE=PATH or the storage family; docs/PROFILING.md reads one
	@.ci/profile-import $(TRACE)

generate: ## what generators write
	$(GO) generate ./...

graphs: ## pictures of the README, from the figures of docs/BENCHMARKS.md
	$(GO) run ./internal/graphs

notices: ## docs/LICENSES.md, from the modules that the binary is built with
	$(GO) run ./internal/notices

man: ## man pages, into dist/man
	$(GO) run ./cmd/damson man dist/man

docs: ## the commands of README.md and docs/SERVICES.md, in a fresh clone and an empty home
	$(GO) run ./internal/accept docs

release: ## binaries for all platforms with checksums, into dist; twice the same
	@.ci/release dist

fmt: $(GOLINT) ## gofumpt and goimports, in place
	$(GOLINT) fmt

lint: $(GOLINT) ## golangci-lint
	$(GOLINT) run

$(GOLINT):
	GOBIN=$(abspath $(TOOLS)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/$(LINT)@$(LINT_AT)
	mv $(TOOLS)/$(LINT) $@

tidy: ## rules of this repository: imports, sizes, citations, words
	$(GO) test -count=1 ./internal/tidy

check: $(GOLINT) ## what must hold before a commit is shown to anybody
	@.ci/check $(GOLINT)

accept: ## acceptance points of PART=1 at full size, ONLY=A3,A5 or all; SEED=1
	@$(GO) run ./internal/accept point -part $(PART) -seed $(SEED) $(if $(ONLY),-only $(ONLY))

clean: ## what the targets above left behind
	rm -rf damson bin dist .cache *.prof *.trace *.test coverage.out
