package shelf

import (
	"encoding/binary"
	"errors"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/bundle"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// The first octet of a key says what the value is.
const (
	prefixBundleShard   = 'b' // erasure root, index: the shard of a bundle
	prefixSegmentShards = 's' // erasure root, index: the rest of Shards
	prefixPackage       = 'p' // erasure root: a bundle that we guaranteed
	prefixExports       = 'x' // erasure root: the segments that it exports
	prefixReport        = 'r' // erasure root: a Report
	prefixOwnByExports  = 'o' // segment root: the erasure root of a package that we guaranteed
	prefixByExports     = 'e' // segment root: the erasure root of a report on chain
	prefixSet           = 'v' // epoch: the keys of validators
	prefixTime          = 't' // class, slot, key of an entry: its size
)

func rootKey(prefix byte, root protocol.Hash) []byte { return append([]byte{prefix}, root[:]...) }

func shardKey(prefix byte, root protocol.Hash, index int) []byte {
	return binary.BigEndian.AppendUint16(rootKey(prefix, root), uint16(index))
}

// Shards are what is kept of a package by one index.
type Shards struct {
	bundle.Shards               // Bundle is nil when it is not kept any more
	BundleHash    protocol.Hash // of the bundle's shard
}

// PutShards keeps the shards of a report of a slot. When it returns, they are on disk.
func (s *Shelf) PutShards(root protocol.Hash, slot protocol.Slot, x *bundle.Shards) error {
	hash := blake2b.Sum256(x.Bundle)
	b := append([]byte(nil), hash[:]...)
	b = codec.AppendCount(b, len(x.Justification))
	for _, step := range x.Justification {
		b = codec.AppendBlob(b, step)
	}
	b = codec.AppendCount(b, len(x.Segments))
	for _, shard := range x.Segments {
		b = codec.AppendBlob(b, shard)
	}
	return s.put(slot,
		entry{long, shardKey(prefixSegmentShards, root, x.Index), b},
		entry{brief, shardKey(prefixBundleShard, root, x.Index), x.Bundle})
}

// HasShards says whether the shards with an index are kept, those of the bundle too.
func (s *Shelf) HasShards(root protocol.Hash, index int) (bool, error) {
	ok, err := s.has(shardKey(prefixSegmentShards, root, index))
	if !ok || err != nil {
		return false, err
	}
	return s.has(shardKey(prefixBundleShard, root, index))
}

// maxShards bounds what is decoded: more than any package has.
const maxShards = 1 << 16

// Shards gives what is kept by an index.
func (s *Shelf) Shards(root protocol.Hash, index int) (*Shards, error) {
	b, err := s.get(shardKey(prefixSegmentShards, root, index))
	if err != nil {
		return nil, err
	}
	x := &Shards{Shards: bundle.Shards{Index: index}}
	d := codec.NewDecoder(b)
	x.BundleHash = d.Hash()
	x.Justification = blobs(&d)
	x.Segments = blobs(&d)
	if err := d.Finish(); err != nil {
		return nil, err
	}
	x.Bundle, err = s.get(shardKey(prefixBundleShard, root, index))
	if errors.Is(err, ErrNotFound) {
		return x, nil
	}
	return x, err
}

func blobs(d *codec.Decoder) [][]byte {
	out := make([][]byte, d.Count(maxShards, 1))
	for i := range out {
		out[i] = d.Blob()
	}
	return out
}

// PutPackage keeps a package that we guarantee in a slot: the octets of its bundle, and the segments that it exports.
func (s *Shelf) PutPackage(spec *block.PackageSpec, slot protocol.Slot, octets []byte, exports [][]byte) error {
	var joined []byte
	for _, segment := range exports {
		joined = append(joined, segment...)
	}
	values := []entry{
		{brief, rootKey(prefixPackage, spec.ErasureRoot), append(spec.Hash[:], octets...)},
		{brief, rootKey(prefixExports, spec.ErasureRoot), joined},
	}
	if len(exports) > 0 {
		values = append(values, entry{brief, rootKey(prefixOwnByExports, spec.ExportsRoot), spec.ErasureRoot[:]})
	}
	return s.put(slot, values...)
}

// Package gives a package that we guaranteed: its hash, the octets of its bundle, and the segments that it exports.
func (s *Shelf) Package(root protocol.Hash) (hash protocol.Hash, octets []byte, exports [][]byte, err error) {
	b, err := s.get(rootKey(prefixPackage, root))
	if err == nil && len(b) >= len(hash) {
		hash, octets = protocol.Hash(b[:len(hash)]), b[len(hash):]
		exports, err = s.Exports(root)
	}
	return hash, octets, exports, err
}

// ExportsBy gives the segments of a package that we guaranteed by their root.
func (s *Shelf) ExportsBy(segments protocol.Hash) ([][]byte, error) {
	b, err := s.get(rootKey(prefixOwnByExports, segments))
	if err != nil {
		return nil, err
	}
	return s.Exports(protocol.Hash(b))
}

// Exports gives the segments of a package that we guaranteed by its erasure root.
func (s *Shelf) Exports(root protocol.Hash) ([][]byte, error) {
	b, err := s.get(rootKey(prefixExports, root))
	if err != nil {
		return nil, err
	}
	size := s.opts.Params.SegmentOctets()
	out := make([][]byte, 0, len(b)/size)
	for ; len(b) >= size; b = b[size:] {
		out = append(out, b[:size:size])
	}
	return out, nil
}

// Report is what is remembered of a report on chain: where its data is.
type Report struct {
	Hash       protocol.Hash
	Spec       block.PackageSpec
	Core       protocol.Core
	Slot       protocol.Slot // of the block that it stands in
	Guarantors []protocol.Ed25519Key
}

// maxGuarantors is more than a report can have.
const maxGuarantors = 16

// PutReport keeps a report.
func (s *Shelf) PutReport(r *Report) error {
	b := r.Spec.AppendTo(append([]byte(nil), r.Hash[:]...))
	b = codec.AppendU32(codec.AppendU16(b, uint16(r.Core)), uint32(r.Slot))
	b = codec.AppendCount(b, len(r.Guarantors))
	for i := range r.Guarantors {
		b = append(b, r.Guarantors[i][:]...)
	}
	values := []entry{{long, rootKey(prefixReport, r.Spec.ErasureRoot), b}}
	if r.Spec.ExportsCount > 0 {
		values = append(values, entry{long, rootKey(prefixByExports, r.Spec.ExportsRoot), r.Spec.ErasureRoot[:]})
	}
	return s.put(r.Slot, values...)
}

// Report gives a report by its erasure root.
func (s *Shelf) Report(root protocol.Hash) (*Report, error) {
	b, err := s.get(rootKey(prefixReport, root))
	if err != nil {
		return nil, err
	}
	r := new(Report)
	d := codec.NewDecoder(b)
	r.Hash = d.Hash()
	r.Spec.DecodeFrom(&d)
	r.Core, r.Slot = protocol.Core(d.U16()), protocol.Slot(d.U32())
	r.Guarantors = make([]protocol.Ed25519Key, d.Count(maxGuarantors, len(protocol.Ed25519Key{})))
	for i := range r.Guarantors {
		d.Copy(r.Guarantors[i][:])
	}
	return r, d.Finish()
}

// ErasureRoot gives the erasure root of the package whose exports have a segment root.
func (s *Shelf) ErasureRoot(segments protocol.Hash) (root protocol.Hash, err error) {
	b, err := s.get(rootKey(prefixByExports, segments))
	if err == nil {
		copy(root[:], b)
	}
	return root, err
}

// PutSet keeps the keys of an epoch's validators.
func (s *Shelf) PutSet(epoch uint32, slot protocol.Slot, keys []protocol.Ed25519Key) error {
	var b []byte
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	return s.put(slot, entry{long, setKey(epoch), b})
}

// Set gives the keys of an epoch's validators.
func (s *Shelf) Set(epoch uint32) ([]protocol.Ed25519Key, error) {
	b, err := s.get(setKey(epoch))
	var keys []protocol.Ed25519Key
	for ; len(b) >= len(protocol.Ed25519Key{}); b = b[len(protocol.Ed25519Key{}):] {
		keys = append(keys, protocol.Ed25519Key(b[:len(protocol.Ed25519Key{})]))
	}
	return keys, err
}

func setKey(epoch uint32) []byte { return binary.BigEndian.AppendUint32([]byte{prefixSet}, epoch) }
