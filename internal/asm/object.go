package asm

import (
	"errors"
	"fmt"

	"damson/internal/codec"
	"damson/internal/pvm"
)

// ErrObject is what errors about a file wrap that is no program.
var ErrObject = errors.New("asm: malformed program")

// Kind is what the octets of an object are.
type Kind uint8

// The kinds of objects, each within the one after.
const (
	StandardProgram Kind = iota // a program blob with its data. GP §A.7
	ProgramBlob                 // code, mask and jump table alone. GP §A.1
	ServiceCode                 // metadata, then a standard program. GP §9.1
)

var kindNames = [...]string{StandardProgram: "standard", ProgramBlob: "program", ServiceCode: "service"}

// String names the kind as the flag of the commands does.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, error) {
	for kind, known := range kindNames {
		if name == known {
			return Kind(kind), nil
		}
	}
	return 0, fmt.Errorf("no kind %q of program: want service, standard or program", name)
}

// Object is what a text assembles to: a program blob, and what stands around it.
type Object struct {
	Kind     Kind
	Metadata []byte // of a service
	Blob     []byte
	Layout   // of a service or a standard program

	Labels []Label // of the text it was assembled from, in the order of the code
}

// Label is a label of code.
type Label struct {
	PC   uint32
	Name string
}

// Image is the standard program. GP §A.7.
func (o *Object) Image() []byte { return o.Standard(o.Blob) }

// Octets is the object as its kind has it.
func (o *Object) Octets() []byte {
	switch o.Kind {
	case ServiceCode:
		return append(codec.AppendBlob(nil, o.Metadata), o.Image()...)
	case ProgramBlob:
		return o.Blob
	case StandardProgram:
	}
	return o.Image()
}

// Service makes of a standard program the preimage that the code hash of a service names. GP §9.1.
func Service(metadata string, image []byte) []byte {
	return append(codec.AppendBlob(nil, []byte(metadata)), image...)
}

// Open takes octets apart, and finds out of what kind they are: a standard program if they can be one, else the code
// of a service, else a program blob. The object aliases them.
func Open(octets []byte) (*Object, error) {
	var whys [3]error
	for i, kind := range []Kind{StandardProgram, ServiceCode, ProgramBlob} {
		o, err := OpenAs(octets, kind)
		if err == nil {
			return o, nil
		}
		whys[i] = err
	}
	return nil, errors.Join(whys[:]...)
}

// OpenAs takes octets of a known kind apart. The object aliases them.
func OpenAs(octets []byte, kind Kind) (*Object, error) {
	o := &Object{Kind: kind, Blob: octets}
	d := codec.NewDecoder(octets)
	if kind == ServiceCode {
		d.Field("metadata")
		o.Metadata = d.Blob()
	}
	if kind != ProgramBlob {
		d.Field("lengths of data, heap and stack")
		roLength, rwLength := length24(&d), length24(&d)
		o.HeapPages = d.U16()
		o.Stack = uint32(length24(&d))
		d.Field("read-only data")
		o.RO = d.Bytes(roLength)
		d.Field("writable data")
		o.RW = d.Bytes(rwLength)
		d.Field("code")
		o.Blob = d.Bytes(int(d.U32()))
		if err := d.Finish(); err != nil {
			return nil, fmt.Errorf("%w: as %v: %w", ErrObject, kind, err)
		}
	}
	if _, err := pvm.Deblob(o.Blob); err != nil {
		return nil, fmt.Errorf("%w: as %v: %w", ErrObject, kind, err)
	}
	return o, nil
}

func length24(d *codec.Decoder) int {
	low, high := d.U16(), d.U8()
	return int(low) | int(high)<<16
}
