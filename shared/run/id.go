package run

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Prefixes of identifiers. An identifier is its prefix followed by 26
// characters of Crockford base32, so a reader sees in a log what it names.
const (
	PrefixRun    = "run_"
	PrefixTenant = "ten_"
	PrefixPolicy = "pol_"
	PrefixSet    = "set_"
	PrefixSched  = "sch_"
)

var (
	reRunID    = regexp.MustCompile(`^run_[0-9A-HJKMNP-TV-Z]{26}$`)
	reTenantID = regexp.MustCompile(`^ten_[0-9A-HJKMNP-TV-Z]{26}$`)
	rePolicyID = regexp.MustCompile(`^pol_[0-9A-HJKMNP-TV-Z]{26}$`)
	reSetID    = regexp.MustCompile(`^set_[0-9A-HJKMNP-TV-Z]{26}$`)
	reSchedID  = regexp.MustCompile(`^sch_[0-9A-HJKMNP-TV-Z]{26}$`)
	reSegment  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	reUserID   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@:|+-]{0,127}$`)
	crockford  = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
)

// IDSource makes identifiers that sort by time. The zero value reads
// crypto/rand; a test sets Entropy to a seeded reader. It is safe for
// concurrent use when Entropy is.
type IDSource struct{ Entropy io.Reader }

// New returns prefix followed by a ULID of the given time. It panics only if
// the entropy source fails, which crypto/rand does not.
func (s IDSource) New(prefix string, now time.Time) string {
	entropy := s.Entropy
	if entropy == nil {
		entropy = rand.Reader
	}
	return prefix + ulid.MustNew(ulid.Timestamp(now), entropy).String()
}

// FirstID is the lowest identifier that New can make at the time, to the
// millisecond: what was made before sorts before it.
func FirstID(prefix string, at time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(min(max(at.UnixMilli(), 0), int64(ulid.MaxTime())))) // cannot be too late
	return prefix + id.String()
}

// ValidRunID reports whether s has the form of a run identifier.
func ValidRunID(s string) bool { return reRunID.MatchString(s) }

// ValidTenantID reports whether s has the form of a tenant identifier.
func ValidTenantID(s string) bool { return reTenantID.MatchString(s) }

// ValidPolicyID reports whether s has the form of a policy identifier.
func ValidPolicyID(s string) bool { return rePolicyID.MatchString(s) }

// ValidSetID reports whether s has the form of a backup set's identifier.
func ValidSetID(s string) bool { return reSetID.MatchString(s) }

// ValidScheduleID reports whether s has the form of a schedule's identifier.
func ValidScheduleID(s string) bool { return reSchedID.MatchString(s) }

// ValidDriftID reports whether s has the form that DriftID gives.
func ValidDriftID(s string) bool {
	runID, policyID, _ := strings.Cut(s, ".")
	return ValidRunID(runID) && ValidPolicyID(policyID)
}

// ValidUserID reports whether s can be the subject of a token: 1 to 128
// characters that are safe in a key. Identity providers differ in form.
func ValidUserID(s string) bool { return reUserID.MatchString(s) }

// ValidSegment reports whether a tenant's identifier can be a segment of the key
// or name of what a store keeps for it: nothing that could end the prefix or
// climb out of it. Stores ask this and not ValidTenantID, since what is stored
// outlives the form of identifiers.
func ValidSegment(tenantID string) bool { return reSegment.MatchString(tenantID) }

// PolicyID returns our identifier of a policy. It is derived from the tenant,
// the Graph collection and the Graph id, so that discovering an object twice,
// in parallel or after a crash, can only ever name the one record. The policy
// type is left out on purpose: Intune moves objects between types (a baseline
// turned into a settings catalog policy keeps its Graph id) and history must
// not be cut by a finer catalogue.
func PolicyID(tenantID, collection, graphID string) string {
	sum := sha256.Sum256([]byte(tenantID + "\x00" + strings.ToLower(collection) + "\x00" + strings.ToLower(graphID)))
	// 26 characters hold 130 bits; a ULID starts with 0-7, which keeps one form
	// for all identifiers.
	text := crockford.EncodeToString(sum[:17])
	return PrefixPolicy + string("01234567"[sum[17]&7]) + text[:25]
}

// Hash returns the hexadecimal SHA-256 of parts, joined so that no two lists
// of parts collide.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_, _ = io.WriteString(h, p)
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
