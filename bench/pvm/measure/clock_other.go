//go:build !linux

package measure

import "time"

var began = time.Now()

// ThreadTime is the time that has passed; there is no better clock here.
func ThreadTime() time.Duration { return time.Since(began) }
