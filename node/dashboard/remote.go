package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// unixPrefix begins an address that is a socket in a folder: for nodes of a network that are processes of their own, whose records a
// dashboard in another process shows.
const unixPrefix = "unix:"

// Socket gives the address of a socket in a folder, for Listen and AddRemote. Who may enter the folder may look.
func Socket(path string) string { return unixPrefix + path }

// listenUnix removes what a crash has left there.
func listenUnix(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

// AddRemote shows a node of another process, whose own dashboard listens at a socket in a folder and has just that node.
func (s *Server) AddRemote(name, address string) {
	path := strings.TrimPrefix(address, unixPrefix)
	s.Add(name).remote = &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			IdleConnTimeout: time.Minute, MaxIdleConns: 4,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		},
	}
}

// maxRemote bounds what a dashboard in another process may answer.
const maxRemote = 16 << 20

// fetch asks the dashboard of another process for a view.
func fetch(c *http.Client, name string) (octets []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/nodes/0/"+name, http.NoBody)
	if err != nil {
		return nil, err
	}
	reply, err := c.Do(request)
	if err != nil {
		return nil, errors.Join(errGone, err)
	}
	defer func() { err = errors.Join(err, reply.Body.Close()) }()
	if octets, err = io.ReadAll(io.LimitReader(reply.Body, maxRemote)); err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%w: %.200q", errGone, octets)
	}
	return octets, err
}
