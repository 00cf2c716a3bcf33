package link

import _ "embed" // the header

// Header is pvm.h, which C programs include.
//
//go:embed pvm.h
var Header string
