package rpc

import (
	"encoding/json"

	"damson/internal/protocol"
	"damson/state"
)

// reading reads something from a state, with the arguments that say what.
type reading func(*state.State, arguments) (result, error)

// stateful makes the method of a reading: its first argument is the block whose posterior state is read.
func stateful(read reading) func(*Server, *call) (result, *Error) {
	return func(s *Server, c *call) (result, *Error) {
		sigma, failed := s.state(c.args.hash(0))
		if sigma == nil {
			return nil, failed
		}
		r, err := checked(sigma, read, c.args[1:])
		if err != nil {
			return nil, s.failed(err)
		}
		return r, nil
	}
}

// watching makes the subscription of a reading.
func watching(read reading) func(*Server, *tip, arguments) (json.RawMessage, error) {
	return func(_ *Server, t *tip, args arguments) (json.RawMessage, error) {
		r, err := checked(t.state, read, args)
		if err != nil {
			return nil, err
		}
		return encode(r), nil
	}
}

// checked reads, and asks in the end whether what the state gave can be relied upon.
func checked(sigma *state.State, read reading, args arguments) (result, error) {
	r, err := read(sigma, args)
	if broken := sigma.Err(); broken != nil {
		err = broken
	}
	return r, err
}

// readStatistics gives C(13). GP eq:activityspec.
func readStatistics(sigma *state.State, _ arguments) (result, error) {
	value, ok := sigma.Get(state.ActivityKey.Key())
	if !ok {
		return nil, nil
	}
	return result{value}, nil
}

// readService gives C(255, s). Of a service that is not there the state is known all the same, which an array with null says.
func readService(sigma *state.State, args arguments) (result, error) {
	value, ok := sigma.Get(state.AccountKey(args.service()))
	if !ok {
		return result{nil}, nil
	}
	return result{value}, nil
}

func readValue(sigma *state.State, args arguments) (result, error) {
	return blobAt(sigma, state.StorageKey(args.service(), args.blob(1)))
}

func readPreimage(sigma *state.State, args arguments) (result, error) {
	return blobAt(sigma, state.PreimageKey(args.service(), args.hash(1)))
}

func blobAt(sigma *state.State, key protocol.StateKey) (result, error) {
	value, ok := sigma.Get(key)
	if !ok {
		return nil, nil
	}
	return result{octets(value)}, nil
}

// octets makes sure that nothing is an empty blob, not null.
func octets(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func readRequest(sigma *state.State, args arguments) (result, error) {
	value, ok := sigma.Get(state.RequestKey(args.service(), args.hash(1), args.u32(2)))
	if !ok {
		return nil, nil
	}
	slots, err := state.DecodeRequest(value)
	if err != nil {
		return nil, err
	}
	return result{append([]protocol.Slot{}, slots...)}, nil
}

// maxServices bounds a list of services, which JIP-2 says may leave some out.
const maxServices = 1 << 16

// readServices gives the services that have accounts. Their keys stand together: they begin with 255, the service's first octet,
// and zero; what else does is storage of services whose indices end in 255, and is passed over.
func readServices(sigma *state.State, _ arguments) (result, error) {
	services := []protocol.ServiceID{}
	first := protocol.StateKey{255}
	last := protocol.StateKey{}
	for i := range last {
		last[i] = 255
	}
	err := sigma.Trie().Range(first, last, func(key protocol.StateKey, _ []byte) bool {
		if id, ok := state.AccountOf(&key); ok {
			services = append(services, id)
		}
		return len(services) < maxServices
	})
	return result{services}, err
}
