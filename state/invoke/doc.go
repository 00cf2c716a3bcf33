// Package invoke runs service code: the invocations Ψ_I, Ψ_R and Ψ_A with their host calls Ω. GP §B.
//
// An [Invoker] holds what all invocations share. accumulate.go, refine.go and authorize.go are the three
// invocations; run.go is Ψ_M and Ψ_H below them; calls.go is the one table of host calls, with numbers, costs
// and who may call what; the files call_*.go are the calls in the order of the Gray Paper. pages.go counts the
// memory of inner machines.
//
// How guest code ends is part of an output. An error means that this node failed, and that nothing is known
// about the outcome.
package invoke
