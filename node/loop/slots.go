package loop

import (
	"time"

	"damson/internal/protocol"
)

// CommonEra is when slot 0 began: the JAM Common Era. GP §4.4.
var CommonEra = time.Date(2025, time.January, 1, 12, 0, 0, 0, time.UTC)

// Slots tells slots from times. The protocol's are those since CommonEra, of six seconds each; local networks may have others.
type Slots struct {
	Era      time.Time     // when slot 0 began
	Duration time.Duration // of a slot: P
}

// At gives the slot of a time; 0 for times before slot 0.
func (s Slots) At(t time.Time) protocol.Slot {
	if t.Before(s.Era) {
		return 0
	}
	return protocol.Slot(t.Sub(s.Era) / s.Duration)
}

// Start gives when a slot begins.
func (s Slots) Start(slot protocol.Slot) time.Time {
	return s.Era.Add(time.Duration(slot) * s.Duration)
}

// Scale gives how long a delay of the protocol lasts here, which is stated for slots of six seconds.
func (s Slots) Scale(delay time.Duration) time.Duration {
	return time.Duration(float64(delay) * float64(s.Duration) / float64(ProtocolSlot))
}

// ProtocolSlot is P, how long a slot lasts. GP sec:epochsandslots.
const ProtocolSlot = 6 * time.Second
