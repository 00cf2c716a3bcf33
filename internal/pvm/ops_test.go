package pvm

import (
	"strings"
	"testing"
)

// ending is the list of GP §A.3, T.
const ending = `trap fallthrough jump jump_ind load_imm_jump load_imm_jump_ind branch_eq branch_ne branch_ge_u
branch_ge_s branch_lt_u branch_lt_s branch_eq_imm branch_ne_imm branch_lt_u_imm branch_lt_s_imm branch_le_u_imm
branch_le_s_imm branch_ge_u_imm branch_ge_s_imm branch_gt_u_imm branch_gt_s_imm`

func TestOps(t *testing.T) {
	ends := map[string]bool{}
	for name := range strings.FieldsSeq(ending) {
		ends[name] = true
	}
	widths := map[string]uint32{"8": 1, "16": 2, "32": 4, "64": 8}
	seen := map[string]bool{}
	for i, op := range Ops {
		if !Opcode(i).Valid() {
			if op != (Op{}) {
				t.Errorf("%d: no name, but more", i)
			}
			continue
		}
		if seen[op.Name] {
			t.Errorf("%s is there twice", op.Name)
		}
		seen[op.Name] = true
		if op.Flags.Has(Ends) != ends[op.Name] {
			t.Errorf("%s: ends a block: %v", op.Name, op.Flags.Has(Ends))
		}
		if jumps := op.Flags&(Jumps|JumpsIndirect|Branches) != 0; jumps && !op.Flags.Has(Ends) {
			t.Errorf("%s: jumps and does not end a block", op.Name)
		}
		kind, rest, _ := strings.Cut(op.Name, "_")
		last := rest[strings.LastIndexAny(rest, "iu")+1:]
		accesses := (kind == "load" || kind == "store") && widths[last] != 0
		if accesses != (op.Flags.Width() != 0) || accesses && op.Flags.Width() != widths[last] {
			t.Errorf("%s: %d octets of memory", op.Name, op.Flags.Width())
		}
		if op.Flags.Has(Loads) != (accesses && kind == "load") || op.Flags.Has(Stores) != (accesses && kind == "store") {
			t.Errorf("%s: flags %b", op.Name, op.Flags)
		}
	}
	if len(seen) != 139 {
		t.Errorf("%d instructions, GP §A.5 has 139", len(seen))
	}
	for name := range ends {
		if !seen[name] {
			t.Errorf("no %s", name)
		}
	}
}
