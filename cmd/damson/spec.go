package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"damson/internal/protocol"
)

// loadParams gives the parameters that --spec names: tiny, full, or a file that holds the 134 octets of the protocol
// parameters, as they are, in hexadecimal, or as "protocol_parameters" in a JIP-4 chain specification.
func loadParams(spec string) (*protocol.Params, error) {
	if p, ok := protocol.Named(spec); ok {
		return p, nil
	}
	data, err := os.ReadFile(spec)
	if err != nil {
		return nil, fmt.Errorf("--spec %s: neither tiny nor full, and no file: %w", spec, err)
	}
	octets := data
	if trimmed := bytes.TrimSpace(data); len(data) != protocol.ParamsSize {
		text := string(trimmed)
		if len(trimmed) > 0 && trimmed[0] == '{' {
			var chain struct {
				Parameters string `json:"protocol_parameters"`
			}
			if err := json.Unmarshal(trimmed, &chain); err != nil {
				return nil, fmt.Errorf("%s: %w", spec, err)
			}
			text = chain.Parameters
		}
		if octets, err = hex.DecodeString(strings.TrimPrefix(text, "0x")); err != nil {
			return nil, fmt.Errorf("%s: protocol parameters: %w", spec, err)
		}
	}
	p, err := protocol.DecodeParams(octets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	return p, nil
}
