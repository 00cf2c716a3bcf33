package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"damson/node/rpc"
)

// maxAnswer bounds what is read of an answer: what nodes of ours give at most.
const maxAnswer = 64 << 20

type asked struct {
	JSONRPC string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

func request(id uint64, method string, args []any) ([]byte, error) {
	if args == nil {
		args = []any{}
	}
	return json.Marshal(asked{"2.0", id, method, args})
}

// answered is anything that a node says: an answer, or what a subscriber is told.
type answered struct {
	ID     *uint64         `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *rpc.Error      `json:"error"`
	Method string          `json:"method"`
	Params *told           `json:"params"`
}

type told struct {
	Subscription uint64          `json:"subscription"`
	Result       json.RawMessage `json:"result"`
	Error        *rpc.Error      `json:"error"`
}

// post asks by HTTP.
type post struct {
	url    string
	client *http.Client
	last   atomic.Uint64
}

func newPost(url string) *post {
	return &post{url: url, client: &http.Client{Transport: &http.Transport{}}}
}

func (p *post) close() error {
	p.client.CloseIdleConnections()
	return nil
}

func (p *post) call(ctx context.Context, method string, args []any, taken func(json.RawMessage) error) error {
	body, err := request(p.last.Add(1), method, args)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("rpc: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	reply, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("rpc: %w", err)
	}
	defer reply.Body.Close() //nolint:errcheck // what is wrong with it Read has said
	octets, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("rpc: %w", err)
	}
	var a answered
	if err := json.Unmarshal(octets, &a); err != nil {
		if reply.StatusCode != http.StatusOK {
			return fmt.Errorf("rpc: %s: %.200s", reply.Status, strings.TrimSpace(string(octets)))
		}
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if a.Error != nil {
		return a.Error
	}
	return taken(a.Result)
}
