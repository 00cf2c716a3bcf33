//go:build !linux

package main

import "os"

// peakKiB is not known here: other systems count in other units, or not at all.
func peakKiB(*os.ProcessState) int64 { return 0 }
