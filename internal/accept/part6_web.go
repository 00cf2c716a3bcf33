package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// foreignClient has a client from npm drive the RPC of a network, and holds the server's limits against those who do not keep them.
func foreignClient(h *hall) (string, error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("the client runs on node and comes by npm: %w", err)
		}
	}
	figures, err := h.tests(testOptions{
		run: "^Test(ForeignClient|Sockets|IdleSockets|Server)$", packages: []string{"./node/rpc"}, timeout: 10 * time.Minute,
	})
	if err == nil && len(figures) == 0 {
		err = errors.New("no client came from npm")
	}
	return strings.Join(figures, "; "), err
}

// dashboardSeen has a browser look at the dashboard of a network.
func dashboardSeen(h *hall) (string, error) {
	linked, err := command(nil, ".", "go", "list", "-deps", "./cmd/damson")
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, linked)
	}
	if strings.Contains(linked, "chromedp") {
		return "", errors.New("what drives the browser is part of the program")
	}
	figures, err := h.tests(testOptions{run: "^Test", packages: []string{"./node/dashboard"}, timeout: 10 * time.Minute})
	if err == nil && len(figures) == 0 {
		err = errors.New("no browser looked: there is no Chromium")
	}
	return strings.Join(figures, "; "), err
}
