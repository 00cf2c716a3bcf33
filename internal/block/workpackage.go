package block

import (
	"damson/crypto/blake2b"
	"damson/internal/codec"
	"damson/internal/protocol"
)

// WorkPackage is work to be done on a core. GP eq:workpackage.
type WorkPackage struct {
	AuthCodeHost protocol.ServiceID // h: the service that keeps the authorizer's code
	AuthCodeHash protocol.Hash      // u
	Context      RefinementContext  // c
	AuthToken    []byte             // j
	AuthConfig   []byte             // f
	Items        []WorkItem         // w: one to I
}

// WorkItem is work for one service. GP eq:workitem.
type WorkItem struct {
	Service       protocol.ServiceID // s
	CodeHash      protocol.Hash      // c
	RefineGas     protocol.Gas       // g: limit
	AccumulateGas protocol.Gas       // a: limit
	Exports       uint16             // e: segments that it will export
	Payload       []byte             // y
	Imports       []Import           // i
	Extrinsics    []ExtrinsicRef     // x
}

// Import names a segment exported before.
type Import struct {
	Root      protocol.Hash // a segment root, or the hash of the package that exported it
	ByPackage bool          // Root is a package's hash: ℍ⊞
	Index     uint16        // less than 2^15
}

// ExtrinsicRef commits to data that comes with the package.
type ExtrinsicRef struct {
	Hash   protocol.Hash
	Length uint32
}

// DecodeWorkPackage reads a package that fills b.
func DecodeWorkPackage(b []byte, p *protocol.Params) (*WorkPackage, error) {
	d := codec.NewDecoder(b)
	w := new(WorkPackage)
	w.DecodeFrom(&d, p)
	return w, d.Finish()
}

// DecodeFrom reads a work package.
func (w *WorkPackage) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("package.auth_code_host")
	w.AuthCodeHost = protocol.ServiceID(d.U32())
	w.AuthCodeHash = d.Hash()
	w.Context.DecodeFrom(d)
	d.Field("package.authorization")
	w.AuthToken = d.Blob()
	d.Field("package.authorizer_config")
	w.AuthConfig = d.Blob()
	d.Field("package.items")
	w.Items = codec.Resize(w.Items, d.Count(p.MaxPackageItems, minItemSize))
	if len(w.Items) == 0 {
		d.Fail(codec.ErrEmptyList)
	}
	for i := range w.Items {
		w.Items[i].DecodeFrom(d, p)
	}
}

// minItemSize is the length of the shortest work item.
const minItemSize = 4 + 32 + 8 + 8 + 2 + 3

// DecodeFrom reads a work item.
func (w *WorkItem) DecodeFrom(d *codec.Decoder, p *protocol.Params) {
	d.Field("item.service")
	w.Service = protocol.ServiceID(d.U32())
	w.CodeHash = d.Hash()
	w.RefineGas = protocol.Gas(d.U64())
	w.AccumulateGas = protocol.Gas(d.U64())
	w.Exports = d.U16()
	d.Field("item.payload")
	w.Payload = d.Blob()
	d.Field("item.import_segments")
	w.Imports = codec.Resize(w.Imports, d.Count(p.MaxPackageImports, 34))
	for i := range w.Imports {
		w.Imports[i].Root = d.Hash()
		index := d.U16()
		w.Imports[i].Index, w.Imports[i].ByPackage = index&^importByPackage, index&importByPackage != 0
	}
	d.Field("item.extrinsic")
	w.Extrinsics = codec.Resize(w.Extrinsics, d.Count(p.MaxPackageExtrinsics, 36))
	for i := range w.Extrinsics {
		w.Extrinsics[i].Hash = d.Hash()
		w.Extrinsics[i].Length = d.U32()
	}
}

// importByPackage is set in an import's index where its root names a package. GP §C.2.
const importByPackage = 1 << 15

// AppendTo appends the package.
func (w *WorkPackage) AppendTo(b []byte) []byte {
	b = codec.AppendU32(b, uint32(w.AuthCodeHost))
	b = append(b, w.AuthCodeHash[:]...)
	b = w.Context.AppendTo(b)
	b = codec.AppendBlob(b, w.AuthToken)
	b = codec.AppendBlob(b, w.AuthConfig)
	b = codec.AppendCount(b, len(w.Items))
	for i := range w.Items {
		b = w.Items[i].AppendTo(b)
	}
	return b
}

// Hash names the package: the BLAKE2b hash of its encoding.
func (w *WorkPackage) Hash() protocol.Hash { return blake2b.Sum256(w.AppendTo(nil)) }

// AppendTo appends the item.
func (w *WorkItem) AppendTo(b []byte) []byte {
	b = codec.AppendU32(b, uint32(w.Service))
	b = append(b, w.CodeHash[:]...)
	b = codec.AppendU64(b, uint64(w.RefineGas))
	b = codec.AppendU64(b, uint64(w.AccumulateGas))
	b = codec.AppendU16(b, w.Exports)
	b = codec.AppendBlob(b, w.Payload)
	b = codec.AppendCount(b, len(w.Imports))
	for i := range w.Imports {
		b = append(b, w.Imports[i].Root[:]...)
		index := w.Imports[i].Index
		if w.Imports[i].ByPackage {
			index |= importByPackage
		}
		b = codec.AppendU16(b, index)
	}
	b = codec.AppendCount(b, len(w.Extrinsics))
	for i := range w.Extrinsics {
		b = append(b, w.Extrinsics[i].Hash[:]...)
		b = codec.AppendU32(b, w.Extrinsics[i].Length)
	}
	return b
}
