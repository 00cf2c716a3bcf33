package dashboard

import (
	"unicode"
	"unicode/utf8"

	"damson/internal/codec"
	"damson/internal/protocol"
	"damson/node"
	"damson/node/host"
	"damson/node/keys"
	"damson/node/roster"
	"damson/state"
)

// The statistics of the state, with names for JSON. GP eq:activityspec.
type (
	ValidatorActivity struct {
		Blocks        uint32 `json:"blocks"`
		Tickets       uint32 `json:"tickets"`
		Preimages     uint32 `json:"preimages"`
		PreimagesSize uint32 `json:"preimage_octets"`
		Guarantees    uint32 `json:"guarantees"`
		Assurances    uint32 `json:"assurances"`
	}
	CoreActivity struct {
		DataLoad       uint64       `json:"data_load"`
		Popularity     uint64       `json:"popularity"`
		Imports        uint64       `json:"imports"`
		Extrinsics     uint64       `json:"extrinsics"`
		ExtrinsicsSize uint64       `json:"extrinsic_octets"`
		Exports        uint64       `json:"exports"`
		BundleSize     uint64       `json:"bundle_octets"`
		GasUsed        protocol.Gas `json:"gas"`
	}
	ServiceActivity struct {
		Service         protocol.ServiceID `json:"-"`
		Provided        uint64             `json:"provided"`
		ProvidedSize    uint64             `json:"provided_octets"`
		Refinements     uint64             `json:"refinements"`
		RefinementGas   protocol.Gas       `json:"refinement_gas"`
		Imports         uint64             `json:"imports"`
		Extrinsics      uint64             `json:"extrinsics"`
		ExtrinsicsSize  uint64             `json:"extrinsic_octets"`
		Exports         uint64             `json:"exports"`
		Accumulations   uint64             `json:"accumulations"`
		AccumulationGas protocol.Gas       `json:"accumulation_gas"`
	}
)

// shownCore is a core and what is on its way there.
type shownCore struct {
	Core       int                  `json:"core"`
	Guarantors []protocol.Validator `json:"guarantors"` // in this rotation
	Pooled     int                  `json:"guarantees"` // that wait for a block, here
	Report     *shownReport         `json:"report"`     // ρ: whose data is being made available
	Ready      int                  `json:"ready"`      // ω: available, and waiting for others
	Pool       int                  `json:"authorizers"`
	Activity   CoreActivity         `json:"activity"` // π_C: of the best block
}

type shownReport struct {
	Package text          `json:"package"`
	Slot    protocol.Slot `json:"slot"`
	Items   int           `json:"items"`
	Octets  uint32        `json:"octets"`
	Exports uint16        `json:"exports"`
}

func coresView(r *Record, h *host.Host, f *facts) (any, error) {
	var waiting []int
	var now protocol.Slot
	b, err := best(h, func(n *node.Node) { waiting, now = n.Pool.Waiting().Guarantees, n.Slots.At(n.Loop.Now()) })
	if err != nil {
		return nil, err
	}
	reports, err := b.State.Reports()
	if err != nil {
		return nil, err
	}
	ready, err := b.State.Ready()
	if err != nil {
		return nil, err
	}
	pools, err := b.State.AuthPools()
	if err != nil {
		return nil, err
	}
	activity, err := b.State.Activity()
	if err != nil {
		return nil, err
	}
	duties, err := roster.At(f.params, b.State, max(now, b.Slot))
	if err != nil {
		return nil, err
	}
	cores := make([]shownCore, f.params.Cores)
	for i := range cores {
		c := &cores[i]
		*c = shownCore{
			Core: i, Guarantors: duties.Now().Group(protocol.Core(i)), Pooled: waiting[i], Pool: len(pools[i]), Activity: CoreActivity(activity.Cores[i]),
		}
		if a := reports[i]; a != nil {
			w := &a.Report
			c.Report = &shownReport{text(w.Package.Hash), a.Slot, len(w.Digests), w.Package.BundleLength, w.Package.ExportsCount}
		}
	}
	for _, slot := range ready {
		for i := range slot {
			cores[slot[i].Report.Core].Ready++
		}
	}
	rotation := duties.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	noted := make([]packageNote, len(r.packages))
	for i, p := range r.packages {
		noted[i] = *p
	}
	return struct {
		Slot     protocol.Slot `json:"slot"` // of the best block
		Rotation [2]uint32     `json:"rotation"`
		Cores    []shownCore   `json:"cores"`
		Packages []packageNote `json:"packages"`
	}{b.Slot, [2]uint32{uint32(rotation.First), uint32(rotation.Last)}, cores, noted}, nil
}

// shownValidator is a validator of this epoch, and what it has done.
type shownValidator struct {
	Index    int               `json:"index"`
	Peer     string            `json:"peer"` // empty: it has offended, and has no keys
	Address  string            `json:"address"`
	Core     int               `json:"core"` // that it guarantees for
	Self     bool              `json:"self"`
	Offender bool              `json:"offender"`
	Current  ValidatorActivity `json:"current"`  // π_V
	Previous ValidatorActivity `json:"previous"` // π_L, of whoever had the index in the last epoch
}

func validatorsView(_ *Record, h *host.Host, f *facts) (any, error) {
	b, err := best(h, nil)
	if err != nil {
		return nil, err
	}
	active, err := b.State.Active()
	if err != nil {
		return nil, err
	}
	activity, err := b.State.Activity()
	if err != nil {
		return nil, err
	}
	disputes, err := b.State.Disputes()
	if err != nil {
		return nil, err
	}
	duties, err := roster.At(f.params, b.State, b.Slot)
	if err != nil {
		return nil, err
	}
	offended := make(map[protocol.Ed25519Key]bool, len(disputes.Offenders))
	for _, key := range disputes.Offenders {
		offended[key] = true
	}
	self := make(map[protocol.Ed25519Key]bool, len(f.keys))
	for _, key := range f.keys {
		self[key] = true
	}
	list := make([]shownValidator, len(active))
	for i := range active {
		key := active[i].Ed25519
		v := shownValidator{
			Index: i, Core: -1, Self: self[key], Offender: offended[key] || key == protocol.Ed25519Key{},
			Current: ValidatorActivity(activity.Current[i]), Previous: ValidatorActivity(activity.Previous[i]),
		}
		if key != (protocol.Ed25519Key{}) {
			v.Peer = key.PeerName()
		}
		if at := keys.Address(&active[i]); at.IsValid() {
			v.Address = at.String()
		}
		if cores := duties.Now().Cores; i < len(cores) {
			v.Core = int(cores[i])
		}
		list[i] = v
	}
	index, slot := f.params.Epoch(b.Slot)
	return struct {
		Epoch      uint32           `json:"epoch"`
		Slot       protocol.Slot    `json:"slot"` // in the epoch
		Validators []shownValidator `json:"validators"`
	}{index, slot, list}, nil
}

// shownService is a service's account, and what was done for it.
type shownService struct {
	ID        protocol.ServiceID `json:"id"`
	Name      string             `json:"name"` // what its code calls itself
	CodeHash  text               `json:"code_hash"`
	Balance   uint64             `json:"balance,string"`
	Threshold uint64             `json:"threshold,string"`
	Items     uint32             `json:"items"`
	Octets    uint64             `json:"octets"`
	ItemGas   protocol.Gas       `json:"min_item_gas"`
	MemoGas   protocol.Gas       `json:"min_memo_gas"`
	Created   protocol.Slot      `json:"created"`
	Last      protocol.Slot      `json:"last_accumulation"`
	Parent    protocol.ServiceID `json:"parent"`
	Roles     []string           `json:"roles"`
	Block     ServiceActivity    `json:"block"` // π_S: of the best block
	Sum       serviceSum         `json:"sum"`   // since the page's server has watched
}

// servicesShown bounds how many accounts are read.
const servicesShown = 200

func servicesView(r *Record, h *host.Host, f *facts) (any, error) {
	b, err := best(h, nil)
	if err != nil {
		return nil, err
	}
	activity, err := b.State.Activity()
	if err != nil {
		return nil, err
	}
	privileges, err := b.State.Privileges()
	if err != nil {
		return nil, err
	}
	list, more := []shownService{}, false
	first, last := protocol.StateKey{255}, protocol.StateKey{}
	for i := range last {
		last[i] = 255
	}
	err = b.State.Trie().Range(first, last, func(key protocol.StateKey, octets []byte) bool {
		id, ok := state.AccountOf(&key)
		if !ok {
			return true
		}
		if more = len(list) == servicesShown; more {
			return false
		}
		var a state.Account
		d := codec.NewDecoder(octets)
		if a.DecodeFrom(&d); d.Finish() == nil {
			list = append(list, serviceOf(f.params, b.State, id, &a, privileges))
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	for i := range list {
		if sum := r.services[list[i].ID]; sum != nil {
			list[i].Sum = *sum
		}
	}
	r.mu.Unlock()
	for i := range list {
		for j := range activity.Services {
			if activity.Services[j].Service == list[i].ID {
				list[i].Block = ServiceActivity(activity.Services[j])
			}
		}
	}
	return struct {
		Slot     protocol.Slot  `json:"slot"`
		More     bool           `json:"more"` // there are, than are shown
		Services []shownService `json:"services"`
	}{b.Slot, more, list}, b.State.Err()
}

func serviceOf(p *protocol.Params, sigma *state.State, id protocol.ServiceID, a *state.Account, x *state.Privileges) shownService {
	s := shownService{
		ID: id, CodeHash: text(a.CodeHash), Balance: uint64(a.Balance), Threshold: uint64(a.Threshold(p)), Items: a.Items, Octets: a.Octets,
		ItemGas: a.MinItemGas, MemoGas: a.MinMemoGas, Created: a.Created, Last: a.LastAccumulation, Parent: a.Parent, Roles: []string{},
		Name: nameOf(sigma, id, a.CodeHash),
	}
	role := func(is bool, name string) {
		if is {
			s.Roles = append(s.Roles, name)
		}
	}
	role(x.Manager == id, "manager")
	role(x.Delegator == id, "delegator")
	role(x.Registrar == id, "registrar")
	assigner, always := false, false
	for _, of := range x.Assigners {
		assigner = assigner || of == id
	}
	for _, free := range x.AlwaysAccumulate {
		always = always || free.Service == id
	}
	role(assigner, "assigner")
	role(always, "always accumulates")
	return s
}

// longestName bounds what a service may call itself on the page.
const longestName = 64

// nameOf gives the metadata of a service's code, if that is a name. GP §9.1.
func nameOf(sigma *state.State, id protocol.ServiceID, code protocol.Hash) string {
	blob, ok := sigma.Get(state.PreimageKey(id, code))
	if !ok {
		return ""
	}
	d := codec.NewDecoder(blob)
	name := d.Blob()
	if d.Err() != nil || len(name) > longestName || !utf8.Valid(name) {
		return ""
	}
	for _, c := range string(name) {
		if !unicode.IsPrint(c) {
			return ""
		}
	}
	return string(name)
}
