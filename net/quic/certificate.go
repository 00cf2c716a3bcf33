package quic

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"time"

	"damson/internal/protocol"
	"damson/net/jamnp"
)

// Why a peer's handshake is refused. JAMNP-S, "Encryption and handshake".
const (
	ErrNoCertificate = protocol.Invalid("quic/no_certificate")
	ErrSignature     = protocol.Invalid("quic/certificate_not_signed_by_ed25519")
	ErrKey           = protocol.Invalid("quic/certificate_key_not_ed25519")
	ErrOneName       = protocol.Invalid("quic/certificate_not_of_one_alternative_name")
	ErrName          = protocol.Invalid("quic/alternative_name_not_of_key")
	ErrOtherPeer     = protocol.Invalid("quic/key_not_of_expected_peer")
	ErrProtocol      = protocol.Invalid("quic/no_protocol_in_common")
	ErrOurselves     = protocol.Invalid("quic/key_is_our_own")
)

// protocols are what the protocol is called on a chain, without and with the builders' suffix.
type protocols struct{ node, builder string }

// protocolNames gives the names: they hold the first 8 nibbles of the genesis header's hash. JAMNP-S, "ALPN".
func protocolNames(genesis protocol.Hash) protocols {
	name := "jamnp-s/0/" + hex.EncodeToString(genesis[:4])
	return protocols{name, name + "/builder"}
}

func (p protocols) list() []string { return []string{p.node, p.builder} }

// identity is how we show who we are.
type identity = tls.Certificate

// newIdentity signs a certificate of a key for itself. Nobody checks its dates; they are wide for those who do.
func newIdentity(key ed25519.PrivateKey) (identity, error) {
	public := key.Public().(ed25519.PublicKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "JAM node"},
		DNSNames:     []string{protocol.Ed25519Key(public).PeerName()},
		NotBefore:    time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return identity{}, fmt.Errorf("quic: certificate: %w", err)
	}
	return identity{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// identify gives whose certificate a peer presented. Neither its dates nor who signed it are checked: TLS has the peer prove
// that it holds the key, and the name must be the key's.
func identify(certificates []*x509.Certificate) (jamnp.PeerID, error) {
	if len(certificates) == 0 {
		return jamnp.PeerID{}, ErrNoCertificate
	}
	c := certificates[0]
	key, ok := c.PublicKey.(ed25519.PublicKey)
	switch {
	case !ok:
		return jamnp.PeerID{}, fmt.Errorf("%w: %s", ErrKey, c.PublicKeyAlgorithm)
	case c.SignatureAlgorithm != x509.PureEd25519:
		return jamnp.PeerID{}, fmt.Errorf("%w: %s", ErrSignature, c.SignatureAlgorithm)
	case len(c.DNSNames) != 1 || len(c.EmailAddresses)+len(c.IPAddresses)+len(c.URIs) != 0:
		return jamnp.PeerID{}, fmt.Errorf("%w: %d names, %d others", ErrOneName,
			len(c.DNSNames), len(c.EmailAddresses)+len(c.IPAddresses)+len(c.URIs))
	}
	id := jamnp.PeerID(key)
	if c.DNSNames[0] != id.PeerName() {
		return id, fmt.Errorf("%w: %.80q", ErrName, c.DNSNames[0])
	}
	return id, nil
}

// tls is what both ends of a handshake have in common.
func (n *Network) tls() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{n.identity}, MinVersion: tls.VersionTLS13,
		// The chain is not verified, here and there: VerifyConnection has all checks.
		InsecureSkipVerify: true, ClientAuth: tls.RequestClientCert,
		// Every connection proves its key anew.
		SessionTicketsDisabled: true,
	}
}

// listenTLS is for connections that others open. A client without a certificate is asked in, to be refused by name.
func (n *Network) listenTLS() *tls.Config {
	config := n.tls()
	config.NextProtos = n.names.list()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := n.identifyOther(s)
		return err
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.ContainsFunc(hello.SupportedProtos, func(name string) bool { return slices.Contains(n.names.list(), name) }) {
			// TLS refuses it, before anybody hears of the connection.
			n.refused(hello.Conn.RemoteAddr(), fmt.Errorf("%w: %.80q", ErrProtocol, fmt.Sprint(hello.SupportedProtos)))
		}
		return nil, nil //nolint:nilnil // crypto/tls: the configuration at hand
	}
	return config
}

// dialTLS is for a connection to a peer that we expect.
func (n *Network) dialTLS(expected jamnp.PeerID) *tls.Config {
	config := n.tls()
	config.NextProtos = []string{n.names.node}
	if n.o.AsBuilder {
		config.NextProtos = []string{n.names.builder}
	}
	config.VerifyConnection = func(s tls.ConnectionState) error {
		id, err := n.identifyOther(s)
		if err == nil && id != expected {
			err = fmt.Errorf("%w: %s", ErrOtherPeer, id.PeerName())
		}
		return err
	}
	return config
}

func (n *Network) identifyOther(s tls.ConnectionState) (jamnp.PeerID, error) {
	id, err := identify(s.PeerCertificates)
	if err == nil && id == n.self {
		err = ErrOurselves
	}
	return id, err
}

// refused logs why a handshake failed. Strangers must not fill the disk with it.
func (n *Network) refused(from fmt.Stringer, why error) {
	if n.loud.allow() {
		n.o.Log.LogAttrs(context.Background(), levelRefused, "handshake refused", logAddress(from), logReason(why))
	}
}
