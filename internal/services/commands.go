package services

import (
	"encoding/binary"

	"damson/internal/protocol"
)

// Commands is a payload for the store: what it is to do. The zero value is empty.
type Commands struct {
	count   uint16
	encoded []byte
}

// Payload gives the commands as the store reads them.
func (c *Commands) Payload() []byte {
	return append(binary.LittleEndian.AppendUint16(nil, c.count), c.encoded...)
}

func (c *Commands) begin(kind byte) {
	c.count++
	c.encoded = append(c.encoded, kind)
}

func (c *Commands) u32(v uint32) { c.encoded = binary.LittleEndian.AppendUint32(c.encoded, v) }
func (c *Commands) u64(v uint64) { c.encoded = binary.LittleEndian.AppendUint64(c.encoded, v) }

// Set stores a value under a key, each of at most 255 octets. No value removes the key.
func (c *Commands) Set(key, value string) {
	c.begin('s')
	c.encoded = append(c.encoded, byte(len(key)), byte(len(value)))
	c.encoded = append(append(c.encoded, key...), value...)
}

// Fill stores a value under the numbers first, first + stride and so on, count of them.
func (c *Commands) Fill(first, stride uint64, count uint32, value uint64) {
	c.begin('f')
	c.u64(first)
	c.u64(stride)
	c.u32(count)
	c.u64(value)
}

// FillKey is the key that Fill stores under for a number.
func FillKey(number uint64) []byte { return binary.LittleEndian.AppendUint64(nil, number) }

// Transfer pays another service and gives it gas to notice. The memo is filled up or cut to its size.
func (c *Commands) Transfer(to protocol.ServiceID, amount protocol.Balance, gas protocol.Gas, memo string) {
	c.begin('t')
	c.u32(uint32(to))
	c.u64(uint64(amount))
	c.u64(uint64(gas))
	var octets [128]byte
	copy(octets[:], memo)
	c.encoded = append(c.encoded, octets[:]...)
}

// Solicit asks for a preimage.
func (c *Commands) Solicit(hash protocol.Hash, length uint32) { c.preimage('p', hash, length) }

// Forget gives a preimage up, or the request for it.
func (c *Commands) Forget(hash protocol.Hash, length uint32) { c.preimage('d', hash, length) }

func (c *Commands) preimage(kind byte, hash protocol.Hash, length uint32) {
	c.begin(kind)
	c.encoded = append(c.encoded, hash[:]...)
	c.u32(length)
}

// New makes a service. Its code must be provided afterwards.
func (c *Commands) New(code *Code, minItemGas, minMemoGas protocol.Gas) {
	c.preimage('n', code.Hash, uint32(len(code.Blob)))
	c.u64(uint64(minItemGas))
	c.u64(uint64(minMemoGas))
}

// Upgrade gives the store another code, which must be provided if it is not.
func (c *Commands) Upgrade(code protocol.Hash, minItemGas, minMemoGas protocol.Gas) {
	c.begin('u')
	c.encoded = append(c.encoded, code[:]...)
	c.u64(uint64(minItemGas))
	c.u64(uint64(minMemoGas))
}

// queueLength is Q, as the store knows it. GP §I.4.4.
const queueLength = 80

// Assign sets the queue of a core to a list of authorizers in turn, and says who may do so next. The store must have the privilege.
func (c *Commands) Assign(core protocol.Core, next protocol.ServiceID, authorizers ...protocol.Hash) {
	c.begin('a')
	c.u32(uint32(core))
	c.u32(uint32(next))
	for i := range queueLength {
		c.encoded = append(c.encoded, authorizers[i%len(authorizers)][:]...)
	}
}
