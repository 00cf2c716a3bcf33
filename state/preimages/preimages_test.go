package preimages

import (
	"bytes"
	"errors"
	"testing"

	"damson/crypto/blake2b"
	"damson/internal/block"
	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/internal/vectors"
	"damson/state"
	"damson/state/service"
	"damson/state/service/vector"
)

// errorNames are the error codes of preimages.asn.
var errorNames = []string{"preimage_unneeded", "preimages_not_sorted_unique"}

// decodeState reads the state of preimages.asn. The statistics are checked in package statistics.
func decodeState(d *codec.Decoder) vector.Entries {
	e := vector.DecodePreimageAccounts(d)
	state.DecodeServiceActivity(d)
	return e
}

func TestVectors(t *testing.T) {
	vectors.Each(t, "stf/preimages", ".bin", func(t *testing.T, f *vectors.File) {
		d := codec.NewDecoder(f.Data)
		var x block.Extrinsic
		x.DecodePreimages(&d)
		slot := protocol.Slot(d.U32())
		pre := decodeState(&d)
		want := ""
		if d.Bool() {
			want = errorNames[d.U8()]
		}
		wantPost := decodeState(&d)
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}

		accounts := service.New(pre)
		list, err := Check(accounts, x.Preimages)
		if got := vectors.Code(err); got != want {
			t.Fatalf("error %q, want %q", got, want)
		}
		if err == nil {
			Integrate(accounts, list, slot)
		}
		vectors.Equal(t, "δ′", pre.After(accounts), wantPost)
	})
}

// TestDroppedRequest has accumulation forget a request, and another service's account, between the two steps.
// A preimage is as long as was asked for, neither an octet less nor one more.
func TestLengthLimit(t *testing.T) {
	const length = 100
	for n := length - 1; n <= length+1; n++ {
		blob := make([]byte, n)
		pre := make(vector.Entries)
		var fields state.Account
		pre[state.AccountKey(1)] = fields.AppendTo(nil)
		base := service.New(pre)
		base.SetRequest(1, blake2b.Sum256(blob), length, nil)
		var want error
		if n != length {
			want = ErrUnneeded
		}
		if _, err := Check(service.New(pre.After(base)), []block.Preimage{{Service: 1, Blob: blob}}); !errors.Is(err, want) {
			t.Errorf("%d of %d octets: %v, want %v", n, length, err, want)
		}
	}
}

func TestDroppedRequest(t *testing.T) {
	blob := []byte("a preimage")
	hash := protocol.Hash(blake2b.Sum256(blob))
	pre := make(vector.Entries)
	var fields state.Account
	for id := range protocol.ServiceID(3) {
		pre[state.AccountKey(id)] = fields.AppendTo(nil)
	}
	base := service.New(pre)
	for id := range protocol.ServiceID(3) {
		base.SetRequest(id, hash, uint32(len(blob)), nil)
	}
	pre = pre.After(base)

	list, err := Check(service.New(pre), []block.Preimage{{Service: 0, Blob: blob}, {Service: 1, Blob: blob}, {Service: 2, Blob: blob}})
	if err != nil {
		t.Fatal(err)
	}
	accounts := service.New(pre)
	accounts.DeleteRequest(0, hash, uint32(len(blob)))
	accounts.Remove(1, hash, uint32(len(blob)))
	before := pre.After(accounts)
	Integrate(accounts, list, 7)
	post := pre.After(accounts)
	before[state.PreimageKey(2, hash)] = blob
	before[state.RequestKey(2, hash, uint32(len(blob)))] = state.AppendRequest(nil, []protocol.Slot{7})
	vectors.Equal(t, "δ′", post, before)

	blob[0]++
	if bytes.Equal(post[state.PreimageKey(2, hash)], blob) {
		t.Error("the account holds on to the extrinsic")
	}
}
