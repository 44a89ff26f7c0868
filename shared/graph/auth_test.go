package graph

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tenantatlas/shared/reason"
)

func entraRefusal(status int, number string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		reply(w, status, `{"error":"invalid_client","error_description":"AADSTS`+number+`: CANARY secret `+testSecret+`\r\nTrace ID: x","error_codes":[`+number+
			`],"timestamp":"2026-01-01 00:00:00Z","trace_id":"`+graphID+`","correlation_id":"`+testClient+`"}`)
		return true
	}
}

func TestEntraRefusals(t *testing.T) {
	for number, want := range map[string]reason.Code{
		"7000215": reason.CredentialInvalid, "7000222": reason.CredentialExpired, "700016": reason.AppNotFound, "7000112": reason.AppDisabled,
		"53003": reason.BlockedByPolicy, "90002": reason.TenantNotFound, "5000225": reason.TenantBlocked, "65001": reason.ConsentMissing,
		"70011": reason.Internal, "123456": reason.CredentialInvalid,
	} {
		t.Run(number, func(t *testing.T) {
			m := newMicrosoft(t, func(http.ResponseWriter, *http.Request) { t.Error("reached Graph without a token") })
			m.entra = entraRefusal(401, number)
			r := m.reader(newClock(), nil)
			_, err := r.Get(t.Context(), Request{Path: "organization"})
			noCanary(t, err)
			f := FailureOf(err)
			if f.Code != want || f.EntraCode != "AADSTS"+number || f.HTTPStatus != 401 || f.Params["credential"] != "secret" || f.Params["traceId"] != graphID {
				t.Errorf("%+v", f)
			}
			if m.issued() != 1 {
				t.Errorf("asked %d times: a second layer retries", m.issued())
			}
			if err := r.CheckToken(t.Context()); FailureOf(err).Code != want {
				t.Errorf("connection test: %v", err)
			}
		})
	}
}

// A wrong tenant id fails earlier than the token, at the authority's discovery.
func TestUnknownTenantAtDiscovery(t *testing.T) {
	r := memoryReader(t, nil)
	r.tokens.fresh = discovery(t, func(*http.Request) (*http.Response, error) {
		return answer(400, `{"error":"invalid_tenant","error_description":"AADSTS90002: CANARY","error_codes":[90002]}`), nil
	})
	_, err := r.Get(t.Context(), Request{Path: "organization"})
	noCanary(t, err)
	if f := FailureOf(err); f.Code != reason.TenantNotFound || f.EntraCode != "AADSTS90002" {
		t.Errorf("%+v", f)
	}
}

func TestEntraBusyOrDown(t *testing.T) {
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `{}`) })
	clock := newClock()
	n := 0
	m.entra = func(w http.ResponseWriter, _ *http.Request) bool {
		if n++; n > 2 {
			return false
		}
		if n == 1 {
			w.Header().Set("Retry-After", "2")
			reply(w, 429, `{"error":"throttled"}`)
			return true
		}
		reply(w, 503, "<html>"+canary)
		return true
	}
	if _, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"}); err != nil {
		t.Fatal(err)
	}
	if got := clock.waits(); len(got) != 2 || got[0] != 2*time.Second {
		t.Errorf("waited %v", got)
	}

	m.entra = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "60")
		reply(w, 429, `{"error":"`+canary+`"}`)
		return true
	}
	_, err := m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"})
	noCanary(t, err)
	var throttled *ThrottledError
	if !errors.As(err, &throttled) || throttled.Lane != LaneEntra || throttled.RetryAfter != time.Minute {
		t.Errorf("%v", err)
	}

	m.entra = func(w http.ResponseWriter, _ *http.Request) bool { reply(w, 500, canary); return true }
	before := m.issued()
	_, err = m.reader(clock, nil).Get(t.Context(), Request{Path: "organization"})
	noCanary(t, err)
	var gone *UnavailableError
	if !errors.As(err, &gone) || m.issued()-before != 4 {
		t.Errorf("%v after %d attempts", err, m.issued()-before)
	}
}

func TestCertificate(t *testing.T) {
	clock := newClock()
	until := clock.Now().AddDate(0, 0, 10).Truncate(time.Second)
	cred := Credential{CertificatePEM: certificatePEM(t, until)}
	m := newMicrosoft(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `{}`) })
	assertions := 0
	m.entra = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Count(r.Form.Get("client_assertion"), ".") == 2 && r.Form.Get("client_secret") == "" {
			assertions++
		}
		return false
	}
	r := m.reader(clock, func(c *Config) { c.Credential = cred })
	if _, err := r.Get(t.Context(), Request{Path: "organization"}); err != nil || assertions != 1 {
		t.Fatalf("%v, %d assertions", err, assertions)
	}
	if got, ok := cred.CertificateExpiry(); !ok || !got.Equal(until) {
		t.Errorf("expiry %v %v", got, ok)
	}

	// Once it has expired we know without asking.
	clock.pass(11 * 24 * time.Hour)
	before := m.issued()
	_, err := r.Get(t.Context(), Request{Path: "organization"})
	f := FailureOf(err)
	if f.Code != reason.CredentialExpired || f.Params["credential"] != "certificate" || f.Params["expiresAt"] != until.Format(time.RFC3339) || m.issued() != before {
		t.Errorf("%+v, %d token requests", f, m.issued()-before)
	}

	// The key of another certificate cannot sign for this one.
	other := certificatePEM(t, until)
	mixed := append(cred.CertificatePEM[:strings.Index(string(cred.CertificatePEM), "-----BEGIN PRIVATE")], other[strings.Index(string(other), "-----BEGIN PRIVATE"):]...)
	cfg := m.config(clock)
	cfg.Credential = Credential{CertificatePEM: mixed}
	if _, err := NewReader(cfg); FailureOf(err).Code != reason.CredentialInvalid || FailureOf(err).Params["credential"] != "certificate" {
		t.Errorf("%v", err)
	}
}

func TestExpiredKeyAtEntra(t *testing.T) {
	m := newMicrosoft(t, func(http.ResponseWriter, *http.Request) { t.Error("reached Graph") })
	m.entra = func(w http.ResponseWriter, _ *http.Request) bool {
		reply(w, 401, `{"error":"invalid_client","error_description":"AADSTS700027: The key used is expired. CANARY","error_codes":[700027]}`)
		return true
	}
	clock := newClock()
	_, err := m.reader(clock, func(c *Config) {
		c.Credential = Credential{CertificatePEM: certificatePEM(t, clock.Now().AddDate(1, 0, 0))}
	}).Get(t.Context(), Request{Path: "organization"})
	noCanary(t, err)
	if FailureOf(err).Code != reason.CredentialExpired {
		t.Error(err)
	}
}

func FuzzParseEntra(f *testing.F) {
	f.Add(`{"error_codes":[7000215],"error_description":"AADSTS7000215: x"}`)
	f.Add(`{"error_description":"AADSTS900023: x"}`)
	f.Add(`{"error_codes":["x"],"trace_id":5}`)
	f.Fuzz(func(t *testing.T, body string) {
		a := parseEntra(strings.NewReader(body))
		if c := reason.FromEntra(a.Codes, 400, a.Description); !c.Valid() {
			t.Fatalf("%q", c)
		}
	})
}
