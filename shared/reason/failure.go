package reason

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"time"
)

// Failure is the safe description of what went wrong: codes and ids that pass
// an allow list, and the values a sentence needs. Text from Microsoft, URLs,
// tokens and setting values have no place in it. Whatever was put into the
// fields, only what passes Sanitize leaves through JSON, logs and sentences.
type Failure struct {
	Code            Code      // a code of the catalogue
	HTTPStatus      int       // of Microsoft's answer; 0 when there was none
	GraphCode       string    // Microsoft's own code, shown beside the sentence
	GraphRequestID  string    // request-id of Microsoft's answer
	ClientRequestID string    // client-request-id that we sent
	EntraCode       string    // "AADSTS7000222"
	At              time.Time // when it happened; zero when unknown
	Params          Params
}

// Sanitize returns a copy in which every field passes the allow list: codes
// match [A-Za-z0-9_.]{1,64}, ids are a GUID or a ULID, a status is between 100
// and 599, params are known fields in their form. What does not pass is
// dropped; a code that does not pass becomes Internal.
func (f Failure) Sanitize() Failure {
	if !f.Code.Valid() {
		f.Code = Internal
	}
	if f.HTTPStatus < 100 || f.HTTPStatus > 599 {
		f.HTTPStatus = 0
	}
	if !codeForm.MatchString(f.GraphCode) {
		f.GraphCode = ""
	}
	if !codeForm.MatchString(f.EntraCode) {
		f.EntraCode = ""
	}
	if !ValidID(f.GraphRequestID) {
		f.GraphRequestID = ""
	}
	if !ValidID(f.ClientRequestID) {
		f.ClientRequestID = ""
	}
	if !f.At.IsZero() {
		f.At = f.At.UTC()
		if y := f.At.Year(); y < 1 || y > 9999 {
			f.At = time.Time{} // cannot be written as RFC 3339
		}
	}
	f.Params = f.Params.Clean()
	return f
}

type failureJSON struct {
	Code            Code       `json:"code"`
	HTTPStatus      int        `json:"httpStatus,omitempty"`
	GraphCode       string     `json:"graphCode,omitempty"`
	GraphRequestID  string     `json:"graphRequestId,omitempty"`
	ClientRequestID string     `json:"clientRequestId,omitempty"`
	EntraCode       string     `json:"entraCode,omitempty"`
	At              *time.Time `json:"at,omitempty"`
	Params          Params     `json:"params,omitempty"`
}

// MarshalJSON writes the sanitized form.
func (f Failure) MarshalJSON() ([]byte, error) {
	f = f.Sanitize()
	j := failureJSON{Code: f.Code, HTTPStatus: f.HTTPStatus, GraphCode: f.GraphCode, GraphRequestID: f.GraphRequestID,
		ClientRequestID: f.ClientRequestID, EntraCode: f.EntraCode, Params: f.Params}
	if !f.At.IsZero() {
		j.At = &f.At
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote, and sanitizes it again.
func (f *Failure) UnmarshalJSON(b []byte) error {
	var j failureJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*f = Failure{Code: j.Code, HTTPStatus: j.HTTPStatus, GraphCode: j.GraphCode, GraphRequestID: j.GraphRequestID,
		ClientRequestID: j.ClientRequestID, EntraCode: j.EntraCode, Params: j.Params}
	if j.At != nil {
		f.At = *j.At
	}
	*f = f.Sanitize()
	return nil
}

// LogValue writes codes and ids only; names stay out of logs.
func (f Failure) LogValue() slog.Value {
	f = f.Sanitize()
	attrs := []slog.Attr{slog.String("code", string(f.Code))}
	if f.HTTPStatus != 0 {
		attrs = append(attrs, slog.Int("httpStatus", f.HTTPStatus))
	}
	for _, a := range []struct{ key, value string }{
		{"graphCode", f.GraphCode}, {"graphRequestId", f.GraphRequestID},
		{"clientRequestId", f.ClientRequestID}, {"entraCode", f.EntraCode},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	return slog.GroupValue(attrs...)
}

// String is one line for a log or an error text: the code and Microsoft's
// codes and ids, without names.
func (f Failure) String() string {
	f = f.Sanitize()
	s := string(f.Code)
	if f.HTTPStatus != 0 {
		s += " http=" + strconv.Itoa(f.HTTPStatus)
	}
	for _, a := range []struct{ key, value string }{
		{" graph=", f.GraphCode}, {" entra=", f.EntraCode}, {" request=", f.GraphRequestID}, {" client=", f.ClientRequestID},
	} {
		if a.value != "" {
			s += a.key + a.value
		}
	}
	return s
}
