package main

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"damson/internal/archive"
	"damson/internal/devchain"
	"damson/internal/protocol"
	"damson/node/replay"
)

// ownChain stands where a PATH would: the chain that comes with the program.
const ownChain = "own.tar.zst"

// importOwnChain imports the chain that comes with the program.
func importOwnChain(r *replay.Replay) error {
	return archive.ReadFrom(ownChain, bytes.NewReader(devchain.OwnArchive), func(name string, data []byte) error {
		return r.File(ownChain+":"+name, data)
	})
}

// ownRefusal gives the rule that a block of this chain must be refused for.
func ownRefusal() func(string) protocol.Invalid {
	rules := devchain.OwnRefusals()
	return func(file string) protocol.Invalid { return rules[strings.TrimSuffix(path.Base(file), ".bin")] }
}

// describeOwnChain says in a line what is being imported.
func describeOwnChain() string {
	return fmt.Sprintf("A chain that comes with the program: tiny parameters, four epoch changes, a dispute, and %d blocks to be refused.",
		len(devchain.OwnRefusals()))
}
