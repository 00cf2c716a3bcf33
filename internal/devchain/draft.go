package devchain

import (
	"fmt"
	"slices"

	"damson/internal/block"
	"damson/internal/protocol"
	"damson/state"
	"damson/state/claim"
	"damson/state/disputes"
	"damson/state/reports"
	"damson/state/safrole"
)

// Draft is a block in the making. Extrinsics are added by its methods, or directly; nothing keeps a draft from breaking
// rules. The first error of a method is that of Seal.
type Draft struct {
	Slot      protocol.Slot
	Tip       *Tip
	Extrinsic block.Extrinsic
	Header    func(*block.Header) // changes the header just before it is sealed; may be nil

	builder  *Builder
	before   *safrole.State
	staging  state.Validators
	disputes *state.Disputes
	after    *safrole.State // if there are no disputes
	err      error
}

// Draft begins a block.
func (b *Builder) Draft(tip *Tip, slot protocol.Slot) (*Draft, error) {
	d := &Draft{Slot: slot, Tip: tip, builder: b}
	s := tip.State
	for _, load := range []func() error{
		func() (err error) { d.before, err = safrole.Load(s); return err },
		func() (err error) { d.staging, err = s.Staging(); return err },
		func() (err error) { d.disputes, err = s.Disputes(); return err },
		func() (err error) { d.after, _, err = d.safrole(nil); return err },
	} {
		if err := load(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// safrole runs §6 without tickets and with whatever entropy, on which neither this block's seal nor its marks depend.
func (d *Draft) safrole(offenders []protocol.Ed25519Key) (*safrole.State, *safrole.Marks, error) {
	return safrole.Transition(d.builder.params, d.before, &safrole.Input{
		Slot: d.Slot, Staging: d.staging, Offenders: append(slices.Clone(d.disputes.Offenders), offenders...),
	}, d.builder.verifier.RingRoot, new(claim.Set))
}

// Author gives the validator who may seal the block; it reports false if the builder does not know his secrets.
func (d *Draft) Author() (index protocol.Validator, ok bool) {
	_, phase := d.builder.params.Epoch(d.Slot)
	if d.after.Safrole.SealKeys.Keys == nil {
		return 0, false // sealed by tickets
	}
	key := d.after.Safrole.SealKeys.Keys[phase]
	for i := range d.after.Active {
		if d.after.Active[i].Bandersnatch == key {
			_, ok := d.builder.secrets[d.after.Active[i].Ed25519]
			return protocol.Validator(i), ok
		}
	}
	return 0, false
}

// Guarantee adds a report with the signatures of all who are assigned to its core and have not offended.
func (d *Draft) Guarantee(r *block.Report) { d.GuaranteeBy(r, d.Slot, d.Guarantors(r.Core, d.Slot)...) }

// GuaranteeBy adds a report that was guaranteed in a slot of this rotation or the last.
func (d *Draft) GuaranteeBy(r *block.Report, slot protocol.Slot, validators ...protocol.Validator) {
	keys, _ := d.assignment(slot)
	hash := r.Hash()
	message := append([]byte(protocol.ContextGuarantee), hash[:]...)
	g := block.Guarantee{Report: *r, Slot: slot}
	for _, v := range validators {
		g.Credentials = append(g.Credentials, block.Credential{Validator: v, Signature: d.sign(keys, v, message)})
	}
	d.Extrinsic.Guarantees = append(d.Extrinsic.Guarantees, g)
}

// Guarantors gives the validators who may guarantee for a core in a slot of this rotation or the last.
func (d *Draft) Guarantors(core protocol.Core, slot protocol.Slot) (list []protocol.Validator) {
	keys, cores := d.assignment(slot)
	for v := range cores {
		key := keys[v].Ed25519
		_, known := d.builder.secrets[key]
		if cores[v] == core && known && !slices.Contains(d.disputes.Offenders, key) {
			list = append(list, protocol.Validator(v))
		}
	}
	return list
}

// assignment gives the validators and their cores in a slot of this rotation or the last. GP eq:guarantorsig.
func (d *Draft) assignment(slot protocol.Slot) (state.Validators, []protocol.Core) {
	p := d.builder.params
	keys, entropy := d.after.Active, *d.after.Entropy
	if slot/p.RotationPeriod != d.Slot/p.RotationPeriod && slot/p.EpochLength != d.Slot/p.EpochLength {
		keys, entropy[2] = d.after.Previous, entropy[3]
	}
	return keys, reports.Assignment(p, &entropy, slot)
}

// Assure adds the word of validators, in ascending order, that they hold the data of the reports on these cores. Without
// validators all give it whose secrets the builder knows.
func (d *Draft) Assure(cores []protocol.Core, validators ...protocol.Validator) {
	if validators == nil {
		for v := range d.before.Active {
			if _, known := d.builder.secrets[d.before.Active[v].Ed25519]; known {
				validators = append(validators, protocol.Validator(v))
			}
		}
	}
	bits := make([]byte, d.builder.params.BitfieldOctets())
	for _, core := range cores {
		bits[core/8] |= 1 << (core % 8)
	}
	digest := sum(d.Tip.Header[:], bits)
	message := append([]byte(protocol.ContextAvailable), digest[:]...)
	added := make([]block.Assurance, len(validators))
	each(len(added), func(i int) {
		added[i] = block.Assurance{Anchor: d.Tip.Header, Bitfield: bits, Validator: validators[i]}
		if v, ok := d.builder.secrets[d.before.Active[validators[i]].Ed25519]; ok {
			added[i].Signature = v.Ed25519.Sign(message)
		}
	})
	d.Extrinsic.Assurances = append(d.Extrinsic.Assurances, added...)
}

// Engaged gives the cores whose reports wait for their availability at the tip.
func (d *Draft) Engaged() (cores []protocol.Core) {
	pending, err := d.Tip.State.Reports()
	d.fail(err)
	for core := range pending {
		if pending[core] != nil {
			cores = append(cores, protocol.Core(core))
		}
	}
	return cores
}

// Preimage adds a preimage for a service.
func (d *Draft) Preimage(service protocol.ServiceID, blob []byte) {
	d.Extrinsic.Preimages = append(d.Extrinsic.Preimages, block.Preimage{Service: service, Blob: blob})
}

// Verdict adds the judgments of a super-majority of the active validators, of whom so many call the report valid.
func (d *Draft) Verdict(report protocol.Hash, valid int) {
	p := d.builder.params
	epoch, _ := p.Epoch(d.before.Slot)
	v := block.Verdict{Report: report, Epoch: epoch}
	for i := range p.SuperMajority() {
		index := protocol.Validator(i)
		v.Votes = append(v.Votes, block.Judgment{
			Valid: i < valid, Validator: index, Signature: d.sign(d.before.Active, index, judgment(i < valid, report)),
		})
	}
	d.Extrinsic.Disputes.Verdicts = append(d.Extrinsic.Disputes.Verdicts, v)
}

// Culprit blames an active validator for having guaranteed a bad report.
func (d *Draft) Culprit(report protocol.Hash, v protocol.Validator) {
	message := append([]byte(protocol.ContextGuarantee), report[:]...)
	d.Extrinsic.Disputes.Culprits = append(d.Extrinsic.Disputes.Culprits, block.Culprit{
		Report: report, Key: d.before.Active[v].Ed25519, Signature: d.sign(d.before.Active, v, message),
	})
}

// Fault blames an active validator for having judged against the verdict.
func (d *Draft) Fault(report protocol.Hash, valid bool, v protocol.Validator) {
	d.Extrinsic.Disputes.Faults = append(d.Extrinsic.Disputes.Faults, block.Fault{
		Report: report, Valid: valid, Key: d.before.Active[v].Ed25519,
		Signature: d.sign(d.before.Active, v, judgment(valid, report)),
	})
}

func judgment(valid bool, report protocol.Hash) []byte {
	if valid {
		return append([]byte(protocol.ContextValid), report[:]...)
	}
	return append([]byte(protocol.ContextInvalid), report[:]...)
}

// sign signs for a validator.
func (d *Draft) sign(keys state.Validators, v protocol.Validator, message []byte) (s protocol.Ed25519Signature) {
	secrets, ok := d.builder.secrets[keys[v].Ed25519]
	if !ok {
		d.fail(fmt.Errorf("devchain: slot %d: no secrets of validator %d", d.Slot, v))
		return s
	}
	return secrets.Ed25519.Sign(message)
}

func (d *Draft) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Seal makes the header, seals it, and gives the encoded block.
func (d *Draft) Seal() ([]byte, error) {
	author, ok := d.Author()
	if !ok {
		d.fail(fmt.Errorf("devchain: slot %d: the author is unknown", d.Slot))
	}
	offenders := d.offenders()
	_, marks, err := d.safrole(offenders)
	if d.fail(err); d.err != nil {
		return nil, d.err
	}
	v, err := block.NewView(&block.Block{Extrinsic: d.Extrinsic}, d.builder.params)
	if err != nil {
		return nil, err
	}
	secret := d.builder.secrets[d.after.Active[author].Ed25519].Bandersnatch
	input, _, _ := d.after.SealInput(d.builder.params, d.Slot)
	h := block.Header{
		Parent: d.Tip.Header, PriorStateRoot: d.Tip.State.Root(), ExtrinsicHash: v.ExtrinsicHash(), Slot: d.Slot,
		EpochMark: marks.Epoch, WinnersMark: marks.Winners, Author: author, OffendersMark: offenders,
	}
	safrole.SignEntropy(&h, secret, input)
	if d.Header != nil {
		d.Header(&h)
	}
	safrole.Seal(&h, secret, input)
	return d.Extrinsic.AppendTo(h.AppendTo(nil)), nil
}

// offenders is the mark that goes with the disputes, as far as they are in order.
func (d *Draft) offenders() []protocol.Ed25519Key {
	pending, err := d.Tip.State.Reports()
	d.fail(err)
	result, err := disputes.Transition(d.builder.params, d.disputes, pending, &disputes.Input{
		Slot: d.before.Slot, Active: d.before.Active, Previous: d.before.Previous, Disputes: &d.Extrinsic.Disputes,
	}, new(claim.Set))
	if err != nil {
		return nil // a block that is to be refused
	}
	return result.OffendersMark
}
