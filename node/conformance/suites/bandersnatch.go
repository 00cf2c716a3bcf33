package suites

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"damson/crypto/bandersnatch"
)

// proof holds the fields of all three kinds of vector: plain, Pedersen and ring.
type proof struct {
	SK    octets `json:"sk"`
	PK    octets `json:"pk"`
	Alpha octets `json:"alpha"`
	AD    octets `json:"ad"`
	Gamma octets `json:"gamma"`
	Beta  octets `json:"beta"`

	C octets `json:"proof_c"`
	S octets `json:"proof_s"`

	KeyCommitment octets `json:"proof_pk_com"`
	R             octets `json:"proof_r"`
	Ok            octets `json:"proof_ok"`
	Sb            octets `json:"proof_sb"`

	RingKeys       octets `json:"ring_pks"`
	RingCommitment octets `json:"ring_pks_com"`
	RingProof      octets `json:"ring_proof"`
}

// bandersnatchVectors verify the proofs of GP §G. Those of the Pedersen kind, which JAM has only within ring proofs,
// are checked up to their output.
func bandersnatchVectors(_ *Runner, f *file, result *Result) {
	check := map[string]func(*proof) error{
		"ietf": (*proof).plain, "pedersen": (*proof).pedersen, "ring": (*proof).ring,
	}[f.name[strings.LastIndexByte(f.name, '_')+1:]]
	if check == nil {
		result.judge(f.path, errors.New("no kind of proof of this name"))
		return
	}
	cases(f, result, check)
}

// key compares the public key of the secret one.
func (v *proof) key() error {
	secret, err := bandersnatch.ParseSecretKey(v.SK)
	if err != nil {
		return err
	}
	public, output := secret.Public().Bytes(), secret.Output(v.Alpha)
	if err := v.output(output); err != nil {
		return err
	}
	return same("public key", public[:], []byte(v.PK))
}

func (v *proof) output(got [bandersnatch.OutputSize]byte) error {
	if len(v.Beta) < len(got) {
		return errors.New("the output is too short")
	}
	return same("output", got[:], []byte(v.Beta[:len(got)]))
}

func (v *proof) plain() error {
	if err := v.key(); err != nil {
		return err
	}
	public, err := bandersnatch.ParsePublicKey(v.PK)
	if err != nil {
		return err
	}
	signature := slices.Concat(v.Gamma, v.C, v.S)
	output, err := bandersnatch.Output(signature)
	if err != nil {
		return err
	}
	return first(v.output(output), public.Verify(v.Alpha, v.AD, signature))
}

// pedersen checks the point that the output is made of, and the key.
func (v *proof) pedersen() error {
	output, err := bandersnatch.Output(append(slices.Clone(v.Gamma), make([]byte, bandersnatch.SignatureSize-len(v.Gamma))...))
	if err != nil {
		return err
	}
	return first(v.output(output), v.key())
}

func (v *proof) ring() error {
	var keys [][bandersnatch.PublicKeySize]byte
	for key := range slices.Chunk(v.RingKeys, bandersnatch.PublicKeySize) {
		if len(key) < bandersnatch.PublicKeySize {
			return errors.New("part of a key in the ring")
		}
		keys = append(keys, [bandersnatch.PublicKeySize]byte(key))
	}
	commitment, err := bandersnatch.RingCommitment(keys)
	if err != nil {
		return err
	}
	if !bytes.Equal(commitment[:], v.RingCommitment) {
		return fmt.Errorf("commitment is %x, want %x", commitment, []byte(v.RingCommitment))
	}
	verifier, err := bandersnatch.NewRingVerifier(commitment, len(keys))
	if err != nil {
		return err
	}
	signature := slices.Concat(v.Gamma, v.KeyCommitment, v.R, v.Ok, v.S, v.Sb, v.RingProof)
	output, err := bandersnatch.Output(signature)
	if err != nil {
		return err
	}
	return first(v.output(output), verifier.Verify(v.Alpha, v.AD, signature))
}
