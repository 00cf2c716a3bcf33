package devchain_test

import (
	"testing"

	"damson/internal/devchain"
	"damson/interp"
	"damson/state"
)

func TestBigState(t *testing.T) {
	c, err := devchain.BigState(interp.New(), 20_000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, change := range c.Steps[1].Prior.Diff(c.Steps[1].Post) {
		if len(change.Value) == 8 && change.Value[0] == 2 {
			changed++
		}
	}
	if changed != 1000 {
		t.Errorf("%d keys changed", changed)
	}
}

func TestFullSize(t *testing.T) {
	if testing.Short() {
		t.Skip("blocks of full size take seconds to make")
	}
	c, err := devchain.FullSize(interp.New(), 4)
	if err != nil {
		t.Fatal(err)
	}
	last := c.Steps[3]
	if last.Slot%c.Params.EpochLength != 0 {
		t.Errorf("slot %d begins no epoch", last.Slot)
	}
	lottery, err := last.Post.Safrole()
	if err != nil || len(lottery.Accumulator) != c.Params.MaxBlockTickets {
		t.Errorf("%v: %d tickets", err, len(lottery.Accumulator))
	}
	activity, err := last.Post.Activity()
	if err != nil {
		t.Fatal(err)
	}
	var guaranteed, accumulated uint64
	for i := range activity.Services {
		guaranteed += activity.Services[i].Refinements
		accumulated += activity.Services[i].Accumulations
	}
	cores := uint64(c.Params.Cores)
	if guaranteed != cores || accumulated != cores || activity.Cores[340].Popularity != uint64(c.Params.Validators) {
		t.Errorf("%d guaranteed, %d accumulated, %d assurances", guaranteed, accumulated, activity.Cores[340].Popularity)
	}
	if _, ok := last.Post.Get(state.StorageKey(1, append([]byte{1}, 64, 0, 0, 0))); !ok {
		t.Error("no transfer was noted")
	}
}
