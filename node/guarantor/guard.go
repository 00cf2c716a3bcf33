package guarantor

import (
	"encoding/hex"
	"errors"
	"fmt"

	"damson/internal/codec"
	"damson/internal/protocol"
)

// Why a report is not signed.
var (
	ErrSigned   = errors.New("guarantor: another report was signed for this core and slot")
	ErrTooOften = errors.New("guarantor: two reports a slot were signed already, on average")
)

// guard remembers what was signed: never two reports for one core and slot, and two a slot on average. GP §15.
type guard struct {
	o    *Options
	list []signed
}

// signed is a signature that was made.
type signed struct {
	core   protocol.Core
	slot   protocol.Slot // of the guarantee
	made   protocol.Slot
	report protocol.Hash
}

const (
	notePrefix = "guarantor/signed/"
	noteLimit  = 1 << 12 // signatures in a note
	perSlot    = 2       // GP §15
)

func (g *guard) name() string { return notePrefix + hex.EncodeToString(g.o.Key.Public[:]) }

func openGuard(o *Options) (*guard, error) {
	g := &guard{o: o}
	value, ok, err := o.Store.Note(g.name())
	if err != nil || !ok {
		return g, err
	}
	d := codec.NewDecoder(value)
	g.list = make([]signed, d.Count(noteLimit, 2+4+4+32))
	for i := range g.list {
		g.list[i] = signed{protocol.Core(d.U16()), protocol.Slot(d.U32()), protocol.Slot(d.U32()), d.Hash()}
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("guarantor: what was signed before: %w", err)
	}
	return g, nil
}

func (g *guard) encode() []byte {
	b := codec.AppendCount(nil, len(g.list))
	for i := range g.list {
		s := &g.list[i]
		b = codec.AppendU32(codec.AppendU32(codec.AppendU16(b, uint16(s.core)), uint32(s.slot)), uint32(s.made))
		b = append(b, s.report[:]...)
	}
	return b
}

// free says whether nothing was signed for a core and a slot.
func (g *guard) free(core protocol.Core, slot protocol.Slot) bool {
	for i := range g.list {
		if g.list[i].core == core && g.list[i].slot == slot {
			return false
		}
	}
	return true
}

// sign signs a report for a core and a slot. The function is called on the loop with the signature, when it is on disk that it
// was made.
func (g *guard) sign(core protocol.Core, slot, now protocol.Slot, report protocol.Hash, then func(protocol.Ed25519Signature, error)) {
	fail := func(err error) { g.o.Loop.Post(func() { then(protocol.Ed25519Signature{}, err) }) }
	recent := 0
	for i := range g.list {
		s := &g.list[i]
		if s.core == core && s.slot == slot && s.report != report {
			fail(ErrSigned)
			return
		}
		if s.made+g.o.Params.RotationPeriod > now {
			recent++
		}
	}
	if recent >= perSlot*int(g.o.Params.RotationPeriod) {
		fail(ErrTooOften)
		return
	}
	g.forget(now)
	g.list = append(g.list, signed{core, slot, now, report})
	note := g.encode()
	g.o.Loop.Go(signQueue, func() func() {
		var err error
		var signature protocol.Ed25519Signature
		if !g.o.Mistakes.ForgetSignatures {
			err = g.o.Store.SetNote(g.name(), note)
		}
		if err == nil {
			signature = g.o.Key.Sign(append([]byte(protocol.ContextGuarantee), report[:]...))
		}
		return func() { then(signature, err) }
	})
}

// forget drops what was signed for slots for which no guarantee counts any more.
func (g *guard) forget(now protocol.Slot) {
	keep := g.list[:0:0]
	for _, s := range g.list {
		if max(s.slot, s.made)+2*g.o.Params.RotationPeriod >= now {
			keep = append(keep, s)
		}
	}
	g.list = keep
}
