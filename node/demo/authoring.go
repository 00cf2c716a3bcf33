package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"damson/crypto/bandersnatch"
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/host"
	"damson/node/testnet"
	"damson/state"
)

// provingSlot is how long a slot lasts in tests: within ten of them six nodes make 18 proofs, one after another.
const provingSlot = 500 * time.Millisecond

// contests is how many epochs a machine may take that is too busy to make tickets in time.
const contests = 3

// authoring shows who may seal which block: in fallback mode, and by tickets.
func authoring(ctx context.Context, s *show) error {
	w, err := s.startNetwork(ctx, s.slot(provingSlot), testnet.NoScenario, func(i int, o *host.Options) {
		o.Mistakes.Author.SealTwice = s.Fault == SealTwice && 2*i >= o.Spec.Params.Validators
		o.Mistakes.Author.NoTickets = s.Fault == NoTickets
	})
	if err != nil {
		return err
	}
	return errors.Join(w.tellAuthoring(), w.Stop())
}

func (w *world) tellAuthoring() error {
	turns, err := w.fallback()
	if err != nil {
		return err
	}
	w.contest()
	epoch, tickets, err := w.sealed()
	if err != nil {
		return err
	}
	return w.judgeAuthoring(turns, epoch, tickets)
}

// stateOf reads a component of the state after the best block of a node.
func stateOf[T any](w *world, i int, component func(*state.State) (T, error)) (value T, err error) {
	if !w.on(i, func(n *node.Node) { value, err = component(n.Chain.Best().State) }) {
		err = fmt.Errorf("node %d has stopped", i)
	}
	return value, err
}

// fallback tells who seals in the first epoch, and gives the keys by slot.
func (w *world) fallback() ([]protocol.BandersnatchKey, error) {
	w.show.step("Fallback: everybody knows who is next", "GP §6.5",
		"the order of the authors. It follows from past randomness, so an attacker knows whom to silence. JAM would rather have tickets.")
	gamma, err := stateOf(w, 0, (*state.State).Safrole)
	if err != nil {
		return nil, err
	}
	active, err := stateOf(w, 0, (*state.State).Active)
	if err != nil {
		return nil, err
	}
	keys := gamma.SealKeys.Keys
	var order []string
	for _, k := range keys {
		order = append(order, fmt.Sprint(keyOf(active, k)))
	}
	w.show.say("An epoch has %d slots here (600 in the protocol). The seal keys γ_S of the first one, by slot, are those of validators %s.",
		w.Params.EpochLength, strings.Join(order, " "))
	w.pass(w.First+3, func() string { return "the first blocks" })
	chains, err := w.chains()
	if err != nil {
		return nil, err
	}
	rows := [][]string{{"slot", "author", "whose turn it is", "block", "seal"}}
	for _, x := range chains[0] {
		_, phase := w.Params.Epoch(x.Header.Slot)
		if len(keys) == 0 || int(phase) >= len(keys) {
			break
		}
		rows = append(rows, []string{
			fmt.Sprint(x.Header.Slot), fmt.Sprint(x.Header.Author), fmt.Sprint(keyOf(active, keys[phase])), short(x.hash), fmt.Sprintf("%x…", x.Header.Seal[:8]),
		})
	}
	w.show.table(rows)
	return keys, nil
}

func keyOf(active state.Validators, key protocol.BandersnatchKey) int {
	return slices.IndexFunc(active, func(v state.ValidatorKeys) bool { return v.Bandersnatch == key })
}

// contest follows the tickets of an epoch until it closes.
func (w *world) contest() {
	p := w.Params
	w.show.step("Tickets: a lottery for the next epoch", "GP §6.7, App. G",
		"a ticket's proof. It shows that one of the six made it, and not who: a ring VRF. Its output is the lot, which nobody can choose.")
	epoch, _ := p.Epoch(w.now())
	closes := protocol.Slot(epoch)*p.EpochLength + p.ContestLength
	stands := func() string {
		made := uint64(0)
		for _, n := range read(w, func(n *node.Node) uint64 { return n.Status().Counts.Tickets }) {
			made += n
		}
		return fmt.Sprintf("%d tickets made, %d of them on chain; the contest closes at slot %d", made, len(w.accumulator()), closes)
	}
	w.pass(closes, stands)
	counts := read(w, func(n *node.Node) uint64 { return n.Status().Counts.Tickets })
	w.show.say("Each validator may have %d tickets (N). Made by node: %v. Each is a proof of %d octets, passed on by way of another validator (CE 131), "+
		"so that not even the sender tells who made it.", p.TicketAttempts, counts, len(protocol.RingSignature{}))
	list := w.accumulator()
	if len(list) == 0 {
		w.show.say("No ticket has come to the chain.")
		return
	}
	w.show.say("The accumulator γ_A keeps the %d lowest lots of all; it holds %d now. The lowest: %s, the highest: %s.", p.EpochLength, len(list),
		short(list[0].ID), short(list[len(list)-1].ID))
}

// accumulator reads γ_A.
func (w *world) accumulator() []block.Ticket {
	gamma, err := stateOf(w, 0, (*state.State).Safrole)
	if err != nil {
		return nil
	}
	return gamma.Accumulator
}

// sealed waits for an epoch that is sealed with tickets, and tells it. It gives the epoch, and its tickets by slot: none if there is no
// such epoch.
func (w *world) sealed() (epoch uint32, tickets []block.Ticket, err error) {
	p := w.Params
	w.show.step("An epoch sealed with tickets", "GP §6.4 to §6.6",
		"a seal's output. It is the ticket's lot: who made the ticket shows it now, in the very block that it is for.")
	for tries := range contests {
		epoch, _ = p.Epoch(w.now())
		next := protocol.Slot(epoch+1) * p.EpochLength
		if len(w.accumulator()) == 0 {
			w.pass(next+1, func() string { return fmt.Sprintf("epoch %d begins at slot %d", epoch+1, next) })
			break
		}
		w.pass(next+1, func() string { return fmt.Sprintf("epoch %d begins at slot %d", epoch+1, next) })
		var gamma *state.Safrole
		if gamma, err = stateOf(w, 0, (*state.State).Safrole); err != nil {
			return 0, nil, err
		}
		if tickets = gamma.SealKeys.Tickets; tickets != nil {
			epoch++
			break
		}
		if tries+1 < contests {
			w.show.say("There were too few tickets for epoch %d: it has the fallback too.", epoch+1)
			w.pass(next+p.ContestLength, func() string { return fmt.Sprintf("%d tickets on chain", len(w.accumulator())) })
		}
	}
	if tickets == nil {
		w.show.say("There is no epoch with tickets.")
		epoch, _ = p.Epoch(w.now())
		return epoch, nil, nil
	}
	const blocks = 5
	w.pass(protocol.Slot(epoch)*p.EpochLength+blocks, func() string { return "blocks sealed with tickets" })
	chains, err := w.chains()
	if err != nil {
		return 0, nil, err
	}
	rows := [][]string{{"slot", "lot of the slot's ticket", "attempt", "output of the seal", "author, known now"}}
	for _, x := range chains[0] {
		if m := x.Header.WinnersMark; m != nil {
			w.show.say("The contest was over with the block of slot %d, whose header has the winners' mark H_W: %d tickets, the lowest and the highest lot "+
				"taking turns from outside in (%s, %s, …).", x.Header.Slot, len(m), short(m[0].ID), short(m[1].ID))
		}
		if e, phase := p.Epoch(x.Header.Slot); e == epoch {
			lot, err := bandersnatch.Output(x.Header.Seal[:])
			if err != nil {
				return 0, nil, err
			}
			rows = append(rows, []string{
				fmt.Sprint(x.Header.Slot), short(tickets[phase].ID), fmt.Sprint(tickets[phase].Attempt), short(lot), fmt.Sprint(x.Header.Author),
			})
		}
	}
	w.show.table(rows)
	return epoch, tickets, nil
}

// judgeAuthoring looks at all blocks that there are.
func (w *world) judgeAuthoring(turns []protocol.BandersnatchKey, epoch uint32, tickets []block.Ticket) error {
	w.until(6, func() string { return "the last blocks become final; " + w.tips() }, func() bool {
		return w.lowestFinal() > w.First
	})
	chains, err := w.chains()
	if err != nil {
		return err
	}
	active, err := stateOf(w, 0, (*state.State).Active)
	if err != nil {
		return err
	}
	first, right, ticketed, won := 0, 0, 0, 0
	firstEpoch, _ := w.Params.Epoch(w.First)
	for _, x := range chains[0] {
		e, phase := w.Params.Epoch(x.Header.Slot)
		switch {
		case e == firstEpoch && int(phase) < len(turns):
			first++
			if int(x.Header.Author) < len(active) && active[x.Header.Author].Bandersnatch == turns[phase] {
				right++
			}
		case e == epoch && tickets != nil:
			ticketed++
			if lot, err := bandersnatch.Output(x.Header.Seal[:]); err == nil && lot == tickets[phase].ID {
				won++
			}
		}
	}
	w.show.claim(first > 0 && right == first, "in the first epoch each block is by the validator whose turn the fallback says it is", "%d of %d blocks", right, first)
	w.show.claim(len(tickets) == int(w.Params.EpochLength), "the contest gave an epoch with a ticket for every slot", "%d tickets for %d slots", len(tickets), w.Params.EpochLength)
	w.show.claim(ticketed > 0 && won == ticketed, "each of its blocks is sealed by who made the ticket of its slot", "%d of %d blocks", won, ticketed)
	w.onceEach()
	w.agree()
	return nil
}

// onceEach claims that nobody has sealed two blocks for a slot, of all blocks that any node knows.
func (w *world) onceEach() {
	type turn struct {
		slot   protocol.Slot
		author protocol.Validator
	}
	seals := make(map[turn]map[host.Hash]bool)
	for _, h := range w.hosts {
		report, ok := h.Report(0)
		if !ok {
			continue
		}
		for _, e := range report.Events {
			t := turn{e.Slot, e.Author}
			if seals[t] == nil {
				seals[t] = make(map[host.Hash]bool)
			}
			seals[t][e.Hash] = true
		}
	}
	twice := turn{slot: 1<<32 - 1}
	for t, blocks := range seals {
		if len(blocks) > 1 && t.slot < twice.slot {
			twice = t
		}
	}
	if blocks := seals[twice]; blocks != nil {
		w.show.claim(false, "nobody seals two blocks for one slot", "validator %d sealed %d blocks for slot %d", twice.author, len(blocks), twice.slot)
		return
	}
	w.show.claim(len(seals) > 0, "nobody seals two blocks for one slot", "%d turns looked at, one block each", len(seals))
}
