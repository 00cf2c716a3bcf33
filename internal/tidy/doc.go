// Package tidy holds the rules of this repository that a compiler does not know, as tests: which package may
// import which, how long files and functions may be, which labels of the Gray Paper exist, and which folders.
//
// The labels and section numbers stand in labels.txt and sections.txt, so that a citation is checked without
// the paper at hand. A test's message says what to do; a rule is changed here, in a commit that says why.
package tidy
