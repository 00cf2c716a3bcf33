package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/internal/pvm"
	"damson/internal/services"
	"damson/node"
	"damson/node/chainspec"
	"damson/node/host"
	"damson/node/importer"
	"damson/node/keys"
	"damson/node/loop"
	"damson/node/srsfile"
	"damson/state/claim"
)

// blocksOfOne is how many blocks the single node makes.
const blocksOfOne = 4

// single shows a node that has the keys of all validators, so that it can go on alone.
func single(ctx context.Context, s *show) error {
	lone, err := s.startLone(ctx)
	if err != nil {
		return err
	}
	err = lone.tell(ctx)
	return errors.Join(err, lone.host.Stop())
}

// lone is a node without peers.
type lone struct {
	*show
	spec  *chainspec.Spec
	setup *bandersnatch.Setup
	slots loop.Slots
	host  *host.Host
}

func (s *show) startLone(ctx context.Context) (*lone, error) {
	params, _ := protocol.Named("tiny")
	recipe := chainspec.Recipe{ID: "demo", Params: params, SRS: srsfile.DevInsecure, Examples: true}
	var secrets []*keys.Validator
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	for i := range params.Validators {
		secrets = append(secrets, keys.Trivial(uint32(i)).Derive())
		recipe.Validators = append(recipe.Validators, secrets[i].Public(at))
	}
	l := &lone{show: s}
	var err error
	if l.spec, err = chainspec.Generate(&recipe); err != nil {
		return nil, err
	}
	if l.setup, err = l.spec.Setup(srsfile.Options{}); err != nil {
		return nil, err
	}
	length := s.slot(fastSlot)
	l.slots = loop.Slots{Era: time.Now().Add(-length / 2).Truncate(time.Millisecond), Duration: length}
	l.host, err = host.Start(ctx, host.Options{
		Spec: l.spec, Setup: l.setup, Engine: s.Engine, Slots: l.slots, Keys: secrets, Listen: at, NoWork: true,
	})
	return l, err
}

func (l *lone) tell(ctx context.Context) error {
	genesis, err := l.spec.DecodeHeader()
	if err != nil {
		return err
	}
	sigma := l.spec.Genesis()
	entries := 0
	for range sigma.All() {
		entries++
	}
	l.step("Genesis: a state, and a header that nobody sealed", "GP §4.2, App. D",
		"the state root. It commits to every key of the state; whoever has another one is on another chain.")
	l.say("State σ: %d keys of 31 octets each, in a binary trie. Root %s.", entries, sigma.Root())
	l.say("Among them: %d validators, %s, and %d services with their code. One node has all six keys here, so it can go on alone.",
		l.spec.Params.Validators, plural(l.spec.Params.Cores, "core", "cores"), 5)
	l.say("Genesis header: hash %s. Peers name their chain by it.", genesis.Hash())

	chain, err := l.made(ctx)
	if err != nil {
		return err
	}
	if err := l.imports(genesis, chain); err != nil {
		return err
	}
	return l.machines()
}

// made waits until there are blocks, and tells the first.
func (l *lone) made(ctx context.Context) (chain []link, err error) {
	l.step("A block: Υ takes the state to the next one", "GP §4.1, §5",
		"prior state root H_R. A block names the root of the state before it; what comes out of it is in the next block.")
	var best *tip
	look := func(n *node.Node) {
		t := tipOf(n)
		best = &t
	}
	const patience = 30
	if !l.wait(ctx, patience*l.slots.Duration, func() string { return "the node waits some slots for others before it goes on alone" }, func() bool {
		return l.host.Do(look) && best.best > 0
	}) {
		return nil, errors.New("the node has made no block")
	}
	height := uint64(0)
	if !l.wait(ctx, patience*l.slots.Duration, func() string { return fmt.Sprintf("%d of %d blocks", height, blocksOfOne) }, func() bool {
		return l.host.Do(func(n *node.Node) {
			look(n)
			height = n.Chain.Best().Height
		}) && height >= blocksOfOne
	}) {
		return nil, fmt.Errorf("the node has made %d blocks", height)
	}
	l.host.Do(func(n *node.Node) { chain, err = chainOf(n, best.bestHash) })
	if err != nil {
		return nil, err
	}
	first := chain[0]
	h := first.Header
	l.say("Block of slot %d: hash %s, by validator %d, %d octets with an empty extrinsic.", h.Slot, short(first.hash), h.Author,
		len(first.HeaderOctets())+len(first.Extrinsic.AppendTo(nil)))
	l.say("Parent %s (the genesis), prior state root %s.", short(h.Parent), short(h.PriorStateRoot))
	l.say("Seal %x…: 96 octets of a signature by which a random output is proved (VRF), made by the key whose turn slot %d is.", h.Seal[:8], h.Slot)
	return chain, nil
}

// imports executes the node's blocks once more, by another importer with the other engine, and a block that is not right.
func (l *lone) imports(genesis *block.Header, chain []link) error {
	l.step("The same blocks, executed again from nothing", "GP §4.1, §6.4, App. D",
		"the two columns of roots. The node has one from its store; the other was computed just now, by the interpreter.")
	im, err := importer.New(importer.Options{Params: l.spec.Params, Engine: l.Reference, Claims: claim.Options{Setup: l.setup}})
	if err != nil {
		return err
	}
	again := importer.NewChain(im)
	if err := again.Put(genesis.Hash(), l.spec.Genesis()); err != nil {
		return err
	}
	rows := [][]string{{"slot", "author", "changed keys", "root before (in the header)", "root after, by the node", "root after, again", "ms"}}
	prior, same, linked := l.spec.Genesis(), 0, 0
	var spoiled error
	for i, x := range chain {
		octets, root, err := l.stored(x.hash)
		if err != nil {
			return err
		}
		if i+1 == len(chain) {
			bad := bytes.Clone(octets)
			bad[len(x.HeaderOctets())-1] ^= 1 // the last octet of the seal
			_, spoiled = again.Import(bad)
		}
		begun := time.Now()
		post, err := again.Import(octets)
		took := time.Since(begun)
		if err != nil {
			return fmt.Errorf("the block of slot %d is refused when it is executed again: %w", x.Header.Slot, err)
		}
		if post.Root() == root {
			same++
		}
		if x.Header.PriorStateRoot == prior.Root() {
			linked++
		}
		rows = append(rows, []string{
			fmt.Sprint(x.Header.Slot), fmt.Sprint(x.Header.Author), fmt.Sprint(len(prior.Diff(post))), short(x.Header.PriorStateRoot),
			short(root), short(post.Root()), fmt.Sprintf("%.1f", took.Seconds()*1e3),
		})
		prior = post
	}
	l.table(rows)
	_, invalid := errors.AsType[protocol.Invalid](spoiled)
	l.say("One bit of the last block's seal turned over: %v. A refused block leaves no trace, since a state is never changed in place.", spoiled)
	l.claim(linked == len(chain), "each block names the root of the state before it", "%d of %d", linked, len(chain))
	l.claim(same == len(chain), "the node's state roots are those that come out when its blocks are executed again", "%d of %d", same, len(chain))
	l.claim(invalid, "a block with one wrong bit is refused", "%v", spoiled)
	return nil
}

// stored reads a block of the node, and the root of the state after it.
func (l *lone) stored(hash protocol.Hash) (octets []byte, root protocol.Hash, err error) {
	l.host.Do(func(n *node.Node) {
		if octets, err = n.Store.Block(hash); err != nil {
			return
		}
		entry, failed := n.Store.State(hash)
		if err = failed; err == nil {
			root = entry.Root()
		}
	})
	return octets, root, err
}

// The program that both engines run: it counts the primes below a number.
const (
	primesBelow = 30_000
	primesCount = 3245
	primesGas   = 50_000_000
	haltAddress = 1<<32 - 1<<16 // a jump there halts. GP eq:jumptablealignment
)

// ran is how a run of the program ended.
type ran struct {
	name    string
	compile time.Duration
	run     time.Duration
	exit    pvm.Exit
	machine pvm.Machine
}

// machines runs a program on both engines.
func (l *lone) machines() error {
	l.step("The machine below: the PVM, by two engines", "GP App. A",
		"gas and registers, which must be the same to the last unit: they decide what a service may do, and so the state root.")
	program, err := pvm.Decode(services.Primes())
	if err != nil {
		return err
	}
	l.say("A program that counts the primes below %d: %d octets of PVM code, %d instructions in %d basic blocks, each of which costs as much "+
		"gas as it has instructions.", primesBelow, len(program.Code()), len(program.Insts)-1, len(program.Blocks))
	var names bytes.Buffer
	recompiler, none := l.Recompiler(&names)
	judge := l.Reference
	switch {
	case l.Fault == WrongMachine && none == nil:
		recompiler = wrongEngine{recompiler}
	case l.Fault == WrongMachine:
		judge = wrongEngine{judge}
	}
	reference, err := run("interpreter", judge, program)
	if err != nil {
		return err
	}
	runs := []*ran{reference}
	if none == nil {
		x, err := run("recompiler", recompiler, program)
		if err != nil {
			return err
		}
		runs = append(runs, x)
	}
	rows := [][]string{{"engine", "compile", "run", "gas used", "Mgas/s", "r7 (result)", "r9", "ends with"}}
	for _, x := range runs {
		used := primesGas - x.machine.Gas
		rows = append(rows, []string{
			x.name, ms(x.compile), ms(x.run), fmt.Sprint(used), fmt.Sprintf("%.0f", float64(used)/x.run.Seconds()/1e6),
			fmt.Sprint(x.machine.Regs[7]), fmt.Sprint(x.machine.Regs[9]), x.exit.Reason.String(),
		})
	}
	l.table(rows)
	l.claim(reference.machine.Regs[7] == primesCount, fmt.Sprintf("there are %d primes below %d", primesCount, primesBelow), "%d", reference.machine.Regs[7])
	if none != nil {
		l.say("There is no recompiler on this machine (%v): the interpreter does all the work.", none)
		return nil
	}
	l.recompiled(program, names.String())
	a, b := &runs[0].machine, &runs[1].machine
	differ := ""
	for i := range a.Regs {
		if a.Regs[i] != b.Regs[i] {
			differ += fmt.Sprintf("r%d is %d and %d; ", i, a.Regs[i], b.Regs[i])
		}
	}
	if a.Gas != b.Gas || a.PC != b.PC || runs[0].exit != runs[1].exit {
		differ += fmt.Sprintf("gas left %d and %d, counter %d and %d, %v and %v; ", a.Gas, b.Gas, a.PC, b.PC, runs[0].exit, runs[1].exit)
	}
	found := "all 13 registers, gas and counter are the same"
	if differ != "" {
		found = "they differ: " + strings.TrimSuffix(differ, "; ")
	}
	l.claim(differ == "", "both engines end alike", "%s", found)
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1e3) }

// run runs the program on an engine.
func run(name string, e pvm.Engine, p *pvm.Program) (*ran, error) {
	x := &ran{name: name}
	begun := time.Now()
	code, err := e.Compile(p)
	if err != nil {
		return nil, err
	}
	x.compile = time.Since(begun)
	m := &pvm.Machine{Mem: e.NewMemory(), Gas: primesGas}
	defer m.Mem.Release()
	m.Mem.Reset()
	m.Regs[0], m.Regs[7] = haltAddress, primesBelow
	begun = time.Now()
	x.exit = code.Run(m)
	x.run = time.Since(begun)
	x.machine = *m
	x.machine.Mem = nil
	return x, nil
}

// recompiled tells what the recompiler has made of the blocks of a program, as it has named them: address, size, name with the place in
// the program.
func (l *lone) recompiled(p *pvm.Program, names string) {
	l.step("What the recompiler makes of it", "GP App. A.3",
		"one pass, no intermediate form: a basic block becomes one run of machine code, which pays its gas first.")
	rows := [][]string{{"block at", "begins with", "PVM instructions", "gas", "machine code"}}
	var lines []string
	for line := range strings.Lines(names) {
		lines = append(lines, line)
	}
	slices.Sort(lines) // by address
	total := uint64(0)
	for _, line := range lines {
		var at, size uint64
		var identity string
		var pc uint64
		name := ""
		if _, err := fmt.Sscanf(line, "%x %x %s", &at, &size, &name); err != nil {
			continue
		}
		if identity = name[:strings.LastIndexByte(name, '_')+1]; identity == "" {
			continue
		}
		if _, err := fmt.Sscan(name[len(identity):], &pc); err != nil {
			continue
		}
		total += size
		for i, b := range p.Blocks {
			if p.PC(b.First) != pc || int(b.First)+1 >= len(p.Insts) {
				continue
			}
			end := len(p.Insts) - 1
			if i+1 < len(p.Blocks) {
				end = min(end, int(p.Blocks[i+1].First))
			}
			rows = append(rows, []string{
				fmt.Sprint(pc), p.Insts[b.First].Op.String(), fmt.Sprint(end - int(b.First)), fmt.Sprint(b.Cost), fmt.Sprintf("%d octets", size),
			})
		}
	}
	l.table(rows)
	l.say("%d octets of PVM code became %d octets of machine code. The interpreter stays at hand for all that is rare: faults, and gas that ends "+
		"inside a block.", len(p.Code()), total)
}

// wrongEngine gets a register wrong.
type wrongEngine struct{ pvm.Engine }

func (e wrongEngine) Compile(p *pvm.Program) (pvm.Code, error) {
	code, err := e.Engine.Compile(p)
	return wrongCode{code}, err
}

type wrongCode struct{ pvm.Code }

func (c wrongCode) Run(m *pvm.Machine) pvm.Exit {
	exit := c.Code.Run(m)
	m.Regs[7] ^= 1 << 40
	return exit
}
