package importer

import (
	"damson/internal/block"
	"damson/internal/invariants"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/safrole"
	"damson/state/service"
	"damson/state/trie"
)

const (
	maxWarmed      = 64       // services that are looked at in one go
	maxWarmedBytes = 32 << 20 // octets of code compiled in one go
)

// nothing is closed: there is nothing to wait for.
var nothing = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Warm makes ready what blocks after a state will need, beside what else goes on: the code of the services whose accounts
// are among the entries, since to compile a large program takes longer than a usual block and a service seldom runs in the
// block that brings its code; the validators' keys; and the ring of the next epoch, whose commitment would be most of the
// block that begins it. While it is at that it takes up nothing new: nothing but time depends on it. The channel is closed when
// it has nothing more to do; who has time to wait, as when a chain begins, keeps the first block from waiting.
func (im *Importer) Warm(s *state.State, entries []trie.Change) (done <-chan struct{}) {
	return im.makeReady(s, im.cold(entries, nil), true)
}

// warm is Warm for what a block has changed.
func (im *Importer) warm(post *state.State, d *state.Delta, provided []block.Preimage) {
	im.makeReady(post, im.cold(d.Services, provided), d.Active != nil || d.Staging != nil || d.Disputes != nil)
}

// cold gives services whose code is not at hand, of those among entries, and those that were provided with preimages, one of
// which may be their code.
func (im *Importer) cold(entries []trie.Change, provided []block.Preimage) (services []protocol.ServiceID) {
	for i := range entries {
		id, ok := state.AccountOf(&entries[i].Key)
		if !ok || len(services) == maxWarmed {
			continue
		}
		if hash, ok := state.CodeHashOf(entries[i].Value); ok && !im.invoker.Prepared(hash) {
			services = append(services, id)
		}
	}
	for i := range provided {
		if len(services) < maxWarmed {
			services = append(services, provided[i].Service)
		}
	}
	return services
}

func (im *Importer) makeReady(s *state.State, services []protocol.ServiceID, validators bool) <-chan struct{} {
	if len(services) == 0 && !validators || !im.warming.CompareAndSwap(false, true) {
		return nothing
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer im.warming.Store(false)
		StageWarm.Enter()
		// Who needs what could not be made ready meets the reason again, and has somebody to tell.
		_ = invariants.Guard(func() error {
			if validators {
				im.warmValidators(s)
			}
			im.warmCode(s, services)
			return nil
		})
	}()
	return done
}

// warmValidators prepares the keys of this epoch and of those before and after it, and the ring that the next one will
// commit to if nothing changes it before.
func (im *Importer) warmValidators(s *state.State) {
	lottery, err := s.Safrole()
	if err != nil {
		return
	}
	for _, set := range []func() (state.Validators, error){
		s.Active, s.Previous, s.Staging, func() (state.Validators, error) { return lottery.Pending, nil },
	} {
		validators, err := set()
		if err != nil {
			return
		}
		im.verifier.WarmKeys(keysOf(validators))
	}
	staging, err := s.Staging()
	if err != nil {
		return
	}
	judged, err := s.Disputes()
	if err != nil {
		return
	}
	for _, set := range []state.Validators{lottery.Pending, safrole.Pending(staging, judged.Offenders)} {
		if _, sealing := keysOf(set); im.verifier.WarmRing(sealing) != nil {
			return
		}
	}
}

func keysOf(set state.Validators) (signing []protocol.Ed25519Key, sealing []protocol.BandersnatchKey) {
	for i := range set {
		signing = append(signing, set[i].Ed25519)
		sealing = append(sealing, set[i].Bandersnatch)
	}
	return signing, sealing
}

func (im *Importer) warmCode(s *state.State, services []protocol.ServiceID) {
	accounts, left := service.New(s), maxWarmedBytes
	for _, id := range services {
		code, hash, ok := accounts.Code(id)
		if !ok || len(code) > left {
			continue
		}
		left -= len(code)
		im.invoker.Prepare(hash, code)
	}
}
