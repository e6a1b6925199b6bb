package transfer

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Checksum is a digest of known algorithm: md5, sha1, sha256 or sha512, and lower-case hex.
type Checksum struct {
	Algorithm string
	Hex       string
}

var algorithms = map[string]func() hash.Hash{
	"md5":    md5.New,
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha512": sha512.New,
}

// ParseChecksum reads "sha256:9f86d0..."; letters may be of any case, and the length must be the algorithm's.
func ParseChecksum(s string) (Checksum, error) {
	name, digits, found := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ":")
	newHash := algorithms[name]
	if !found || newHash == nil {
		return Checksum{}, fmt.Errorf("checksum %q must be md5, sha1, sha256 or sha512, a colon, and hexadecimal digits", s)
	}
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 2*newHash().Size() {
		return Checksum{}, fmt.Errorf("checksum %q must have %d hexadecimal digits after %q", s, 2*newHash().Size(), name+":")
	}
	return Checksum{Algorithm: name, Hex: digits}, nil
}

// String is the form that ParseChecksum reads.
func (c Checksum) String() string { return c.Algorithm + ":" + c.Hex }

// newHash starts the digest of an algorithm that ParseChecksum knows.
func newHash(algorithm string) (hash.Hash, error) {
	if f := algorithms[algorithm]; f != nil {
		return f(), nil
	}
	return nil, fmt.Errorf("unknown checksum algorithm %q", algorithm)
}

func sumHex(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
