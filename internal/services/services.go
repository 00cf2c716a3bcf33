// Package services has small services to learn from and to make test chains with, written in the assembler of
// internal/asm: a key-value store that can pay (store.pvmasm), a counter (counter.pvmasm), a token (token.pvmasm), one that
// hands segments on (relay.pvmasm), one that runs programs in inner machines (runner.pvmasm), and an authorizer for everybody
// (anyone.pvmasm). commands.go and payloads.go make what they are told.
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

//go:embed token.pvmasm
var tokenText string

//go:embed relay.pvmasm
var relayText string

//go:embed runner.pvmasm
var runnerText string

//go:embed anyone.pvmasm
var anyoneText string

//go:embed primes.pvmasm
var primesText string

// The codes, assembled when first asked for.
var (
	Store   = sync.OnceValue(func() *Code { return assemble("store", storeText) })
	Counter = sync.OnceValue(func() *Code { return assemble("counter", counterText) })
	Token   = sync.OnceValue(func() *Code { return assemble("token", tokenText) })
	Relay   = sync.OnceValue(func() *Code { return assemble("relay", relayText) })
	Runner  = sync.OnceValue(func() *Code { return assemble("runner", runnerText) })
	Anyone  = sync.OnceValue(func() *Code { return assemble("anyone", anyoneText) })
)

// Square is a program, for Runner, that gives back the square of its number.
var Square = sync.OnceValue(func() []byte { return program("square", ".program\nmul_64 r7, r7, r7\ntrap\n") })

// Primes is a program that counts the primes below its number, by trial division, and gives back how many there are.
var Primes = sync.OnceValue(func() []byte { return program("primes", primesText) })

func program(name, text string) []byte {
	object, err := asm.Assemble(text)
	if err != nil {
		invariants.Fail("services: %s: %v", name, err)
	}
	return object.Octets()
}

// assemble makes a code of a text that comes with this package, so that it cannot be wrong.
func assemble(name, text string) *Code {
	object, err := asm.Assemble(text)
	if err != nil {
		invariants.Fail("services: %s: %v", name, err)
	}
	blob := asm.Service(name, object.Image())
	return &Code{Name: name, Blob: blob, Hash: blake2b.Sum256(blob)}
}
