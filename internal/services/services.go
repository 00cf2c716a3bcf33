// Package services has small services to learn from and to make test chains with, written in the assembler of
// internal/asm: a key-value store that can pay (store.pvmasm), a counter (counter.pvmasm), and an authorizer for
// everybody (anyone.pvmasm).
package services

import (
	_ "embed" // the programs
	"sync"

	"damson/crypto/blake2b"
	"damson/internal/asm"
	"damson/internal/invariants"
	"damson/internal/protocol"
)

// Code is the code of a service or an authorizer. It never changes.
type Code struct {
	Name string
	Blob []byte // the preimage of Hash: ↕m ⌢ c. GP §9.1
	Hash protocol.Hash
}

//go:embed store.pvmasm
var storeText string

//go:embed counter.pvmasm
var counterText string

//go:embed anyone.pvmasm
var anyoneText string

// The codes, assembled when first asked for.
var (
	Store   = sync.OnceValue(func() *Code { return assemble("store", storeText) })
	Counter = sync.OnceValue(func() *Code { return assemble("counter", counterText) })
	Anyone  = sync.OnceValue(func() *Code { return assemble("anyone", anyoneText) })
)

// assemble makes a code of a text that comes with this package, so that it cannot be wrong.
func assemble(name, text string) *Code {
	object, err := asm.Assemble(text)
	if err != nil {
		invariants.Fail("services: %s: %v", name, err)
	}
	blob := asm.Service(name, object.Image())
	return &Code{Name: name, Blob: blob, Hash: blake2b.Sum256(blob)}
}
