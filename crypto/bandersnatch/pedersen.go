package bandersnatch

import "sync"

// pedersenBlinding is the point B, whose logarithm to the base G nobody knows.
var pedersenBlinding = sync.OnceValue(func() affine {
	return hashToCurve([]byte("basis caecans lucis occultae quae mentem fugit et tenebras iis qui vident creat"))
})

// blindingPowers are the points 2^i·B, which the digits of a blinding pick from.
var blindingPowers = sync.OnceValue(func() []affine {
	b := pedersenBlinding()
	powers := make([]extended, blindingLen)
	powers[0].setAffine(&b)
	for i := range len(powers) - 1 {
		powers[i+1] = powers[i]
		powers[i+1].double(false)
	}
	flat := make([]affine, len(powers))
	normalise(flat, powers)
	return flat
})

var blindingTables = sync.OnceValue(func() *multiples {
	b := pedersenBlinding()
	return newSplitMultiples(&b, fixedWidth)
})

// pedersenProof shows that an output point is the input times the key hidden in a commitment. GP does not use it alone: it
// is the part of a ring signature that the ring proof ties to the ring.
type pedersenProof struct {
	output     affine // O
	commitment affine // Ȳ = x·G + b·B
	r, ok      affine // the nonce commitments R and Oₖ
	s, sb      scalar
	challenge  scalar
}

// decodePedersen reads an output point and the proof behind it.
func decodePedersen(b []byte, in *Input, ad []byte) (p pedersenProof, err error) {
	for i, point := range []*affine{&p.output, &p.commitment, &p.r, &p.ok} {
		if *point, err = decodePoint(b[PublicKeySize*i : PublicKeySize*(i+1)]); err != nil {
			return p, err
		}
	}
	b = b[4*PublicKeySize:]
	p.s, p.sb = scalarLE(b[:scalarSize]), scalarLE(b[scalarSize:])
	if !p.s.canonical() || !p.sb.canonical() {
		return p, ErrScalar
	}
	p.challenge = pedersenChallenge(&p, in, ad)
	return p, nil
}

func pedersenChallenge(p *pedersenProof, in *Input, ad []byte) scalar {
	points := make([]byte, 0, 5*PublicKeySize)
	points = appendPoint(points, &p.commitment)
	points = append(points, in.encoded[:]...)
	points = appendPoint(points, &p.output)
	points = appendPoint(points, &p.r)
	points = appendPoint(points, &p.ok)
	return challenge(points, ad)
}

// verify checks Oₖ + c·O = s·I and R + c·Ȳ = s·G + s_b·B, one by one and without randomness.
func (p *pedersenProof) verify(in *Input) bool {
	s, sb := p.s.neg(), p.sb.neg()
	one := scalar{1}
	first := newProduct(3)
	first.addShort(&one, newShortMultiples(&p.ok, 2))
	first.add(&p.challenge, newMultiples(&p.output))
	first.add(&s, in.tables())
	second := newProduct(4)
	second.addShort(&one, newShortMultiples(&p.r, 2))
	second.add(&p.challenge, newMultiples(&p.commitment))
	second.add(&s, baseTables())
	second.add(&sb, blindingTables())
	left, right := first.sum(), second.sum()
	return left.isIdentity() && right.isIdentity()
}

// provePedersen is the prover's side.
func (k *SecretKey) provePedersen(in *Input, ad []byte) pedersenProof {
	b := blindingFactor(&k.secret, in.encoded[:], ad)
	nonceK := nonce(&k.secret, in.encoded[:], b.append(nil), ad)
	nonceB := nonce(&b, in.encoded[:], k.secret.append(nil), ad)
	return k.pedersenWith(in, ad, &b, &nonceK, &nonceB)
}

// pedersenWith proves with the given blinding and nonces.
func (k *SecretKey) pedersenWith(in *Input, ad []byte, b, nonceK, nonceB *scalar) (p pedersenProof) {
	blinding := pedersenBlinding()
	key, hiding := multiplyAll(&k.secret, &base, &in.point), multiplyAll(b, &blinding)
	p.commitment.Add(&key[0], &hiding[0])
	p.output = key[1]
	nonces, hidingNonce := multiplyAll(nonceK, &base, &in.point), multiplyAll(nonceB, &blinding)
	p.r.Add(&nonces[0], &hidingNonce[0])
	p.ok = nonces[1]
	p.challenge = pedersenChallenge(&p, in, ad)
	p.s = p.challenge.mul(&k.secret)
	p.s = p.s.add(nonceK)
	p.sb = p.challenge.mul(b)
	p.sb = p.sb.add(nonceB)
	return p
}

// append appends the output point and the 160 octets of the proof.
func (p *pedersenProof) append(b []byte) []byte {
	for _, point := range []*affine{&p.output, &p.commitment, &p.r, &p.ok} {
		b = appendPoint(b, point)
	}
	return p.sb.append(p.s.append(b))
}
