package suites

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"damson/crypto/ed25519"
	"damson/internal/erasure"
	"damson/internal/protocol"
	"damson/internal/shuffle"
	"damson/state/trie"
)

// erasureVector encodes data, compares all shards, and recovers the data from the last of them. GP §H.
func erasureVector(_ *Runner, f *file) error {
	var v struct {
		Data   octets   `json:"data"`
		Shards []octets `json:"shards"`
	}
	if err := json.Unmarshal(f.data, &v); err != nil {
		return err
	}
	threshold := f.params.RecoveryThreshold()
	c, err := erasure.New(threshold, f.params.Validators)
	if err != nil {
		return err
	}
	got := c.Encode(v.Data)
	want := make([][]byte, len(v.Shards))
	for i := range want {
		want[i] = v.Shards[i]
	}
	if err := same("shards", got, want); err != nil {
		return err
	}
	var last []erasure.Shard
	for i := len(want) - threshold; i < len(want); i++ {
		last = append(last, erasure.Shard{Index: i, Data: want[i]})
	}
	recovered, err := c.Recover(last, len(v.Data))
	if err != nil {
		return err
	}
	return same("data recovered", recovered, []byte(v.Data))
}

// shuffleVectors shuffle the first numbers. GP §F.
func shuffleVectors(_ *Runner, f *file, result *Result) {
	type vector struct {
		Input   int    `json:"input"`
		Entropy octets `json:"entropy"`
		Output  []int  `json:"output"`
	}
	cases(f, result, func(v *vector) error {
		if len(v.Entropy) != len(protocol.Hash{}) {
			return errors.New("entropy is no hash")
		}
		return same("sequence", shuffle.Indices(v.Input, protocol.Hash(v.Entropy)), v.Output)
	})
}

// oldKeySize is the length of keys in Gray Paper 0.2, where bits had another order and leaves another form.
const oldKeySize = 32

// trieVectors compute state roots. GP §D.2. Roots of the old form, which the file published has, are not those of now.
func trieVectors(_ *Runner, f *file, result *Result) {
	type vector struct {
		Input  map[string]octets `json:"input"`
		Output octets            `json:"output"`
	}
	var list []vector
	if err := json.Unmarshal(f.data, &list); err == nil && slices.ContainsFunc(list, func(v vector) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(v.Input)), func(key string) bool { return len(key) == 2*oldKeySize })
	}) {
		result.Note = fmt.Sprintf("%s is of Gray Paper 0.2: its %d roots are not those of %s", f.path, len(list), protocol.GrayPaper)
		return
	}
	cases(f, result, func(v *vector) error {
		var entries []trie.Change
		for text, value := range v.Input {
			var key octets
			if err := key.UnmarshalText([]byte(text)); err != nil {
				return err
			}
			if len(key) != len(protocol.StateKey{}) {
				return fmt.Errorf("key of %d octets", len(key))
			}
			entries = append(entries, trie.Change{Key: protocol.StateKey(key), Value: append([]byte{}, value...)})
		}
		root := trie.New(entries).Root()
		return same("root", root[:], []byte(v.Output))
	})
}

// ed25519Vectors are signatures on which implementations disagree. All are good by ZIP-215.
func ed25519Vectors(_ *Runner, f *file, result *Result) {
	type vector struct {
		Description string `json:"desc"`
		Public      octets `json:"pk"`
		R           octets `json:"r"`
		S           octets `json:"s"`
		Message     octets `json:"msg"`
	}
	var batch ed25519.Batch
	cases(f, result, func(v *vector) error {
		signature := append(append([]byte{}, v.R...), v.S...)
		if len(v.Public) != ed25519.PublicKeySize || len(signature) != ed25519.SignatureSize {
			return errors.New("wrong length")
		}
		public := [ed25519.PublicKeySize]byte(v.Public)
		batch.Add(public, v.Message, [ed25519.SignatureSize]byte(signature))
		if !ed25519.Verify(public, v.Message, [ed25519.SignatureSize]byte(signature)) {
			return fmt.Errorf("%s: refused", v.Description)
		}
		return nil
	})
	if !batch.Verify() {
		result.judge(f.path, errors.New("refused in a batch"))
	}
}
