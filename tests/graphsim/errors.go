package graphsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// CodeNotModelled is the error code of everything this simulator does not model.
const CodeNotModelled = "SimulatorNotModelled"

// Shapes of an error body.
const (
	// ShapePlain is the envelope of the Graph gateway: error, code, message,
	// innerError (learn.microsoft.com/graph/errors).
	ShapePlain = "plain"
	// ShapeIntune puts a JSON text into message, as Intune's own services do.
	ShapeIntune = "intune"
	// ShapeUnknown nests Intune's text one level deeper under the code
	// UnknownError (msgraph-sdk-powershell#1257).
	ShapeUnknown = "unknown"
	// ShapeUnknownCode is ShapeUnknown with an ErrorCode beside the Message.
	ShapeUnknownCode = "unknown-code"
	// ShapeUnknownEmpty is the code UnknownError with an empty message, as seen
	// with status 504 (IntuneCD#183).
	ShapeUnknownEmpty = "unknown-empty"
	// ShapeEmpty is no body at all.
	ShapeEmpty = "empty"
	// ShapeGarbage is a body that is not JSON.
	ShapeGarbage = "garbage"
	// ShapeEntra is the body of the token endpoint: error, error_description,
	// error_codes.
	ShapeEntra = "entra"
)

// response is an answer before it is written or put into a $batch answer.
type response struct {
	status int
	header http.Header
	body   []byte

	code        string // error code, for the log
	service     string // throttling lane, for the log
	throttled   bool
	notModelled bool
	command     string // an order to devices or people that was given

	abort    bool // cut the connection instead of answering
	truncate int  // write only so many bytes of the body, then cut; 0 means all
	fault    string
}

// problem is an error of the simulated service.
type problem struct {
	status  int
	code    string
	message string
	shape   string // "" means ShapePlain
	service string // name of the Intune service in the Url of ShapeIntune
	details bool   // adds an empty details list, seen with TooManyRequests
	extra   string // text to plant, for tests that look for leaks
	entra   int    // AADSTS number of ShapeEntra
}

// notModelled is the answer to what the simulator does not model.
func notModelled(format string, args ...any) *problem {
	return &problem{status: http.StatusNotImplemented, code: CodeNotModelled, message: "The simulator does not model " + fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

// innerError is the tail of each Graph error. Its date has no zone, as in
// learn.microsoft.com/graph/errors.
func (x *exchange) innerError() string {
	return fmt.Sprintf(`{"date":%s,"request-id":%s,"client-request-id":%s}`,
		quote(x.now.Format("2006-01-02T15:04:05")), quote(x.requestID), quote(x.clientRequestID))
}

// intuneMessage is the text that Intune's services put into message.
func (x *exchange) intuneMessage(p *problem) string {
	service := p.service
	if service == "" {
		service = "DeviceConfiguration_2410/StatelessDeviceConfigurationFEService"
	}
	text := fmt.Sprintf("%s - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - Activity ID: %s - Url: https://fef.msub02.manage.microsoft.com/%s/%s?api-version=5024-10-01",
		p.message, x.clientRequestID, service, strings.TrimPrefix(x.path, "/beta/"))
	if p.extra != "" {
		text += " - " + p.extra
	}
	return fmt.Sprintf("{\r\n  \"_version\": 3,\r\n  \"Message\": %s,\r\n  \"CustomApiErrorPhrase\": \"\",\r\n  \"RetryAfter\": null,\r\n  \"ErrorSourceService\": \"\",\r\n  \"HttpHeaders\": \"{}\"\r\n}", quote(text))
}

// fail turns a problem into an answer.
func (x *exchange) fail(p *problem) response {
	r := response{status: p.status, header: http.Header{}, code: p.code, notModelled: p.code == CodeNotModelled}
	r.header.Set("Content-Type", "application/json")
	code, message := p.code, p.message
	switch p.shape {
	case ShapeEmpty:
		r.header.Del("Content-Type")
		return r
	case ShapeGarbage:
		r.body = []byte("<html><head><title>Service unavailable</title></head><body>" + p.message + p.extra + "</body></html>")
		return r
	case ShapeEntra:
		r.body = x.entraBody(p)
		return r
	case ShapeIntune:
		message = x.intuneMessage(p)
	case ShapeUnknown:
		code, message = "UnknownError", fmt.Sprintf(`{"Message":%s}`, quote(x.intuneMessage(p)))
	case ShapeUnknownCode:
		code, message = "UnknownError", fmt.Sprintf(`{"ErrorCode":%s,"Message":%s}`, quote(p.code), quote(x.intuneMessage(p)))
	case ShapeUnknownEmpty:
		code, message = "UnknownError", p.extra
	default:
		if p.extra != "" {
			message = strings.TrimSpace(message + " " + p.extra)
		}
	}
	r.code = code
	var buf bytes.Buffer
	fmt.Fprintf(&buf, `{"error":{"code":%s,"message":%s,`, quote(code), quote(message))
	if p.details {
		buf.WriteString(`"details":[],`)
	}
	if code == "ModelValidationFailure" {
		// innerError repeats the message (Intune-PowerShell-SDK#98).
		fmt.Fprintf(&buf, `"innerError":{"message":%s,%s}}`, quote(p.message), strings.TrimPrefix(x.innerError(), "{"))
	} else {
		fmt.Fprintf(&buf, `"innerError":%s}}`, x.innerError())
	}
	r.body = buf.Bytes()
	return r
}

// entraBody is the error body of the token endpoint
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func (x *exchange) entraBody(p *problem) []byte {
	stamp := x.now.Format("2006-01-02 15:04:05Z")
	description := fmt.Sprintf("AADSTS%d: %s", p.entra, p.message)
	if p.extra != "" {
		description += " " + p.extra
	}
	description += fmt.Sprintf("\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", x.requestID, x.clientRequestID, stamp)
	body, err := json.Marshal(map[string]any{
		"error":             p.code,
		"error_description": description,
		"error_codes":       []int{p.entra},
		"timestamp":         stamp,
		"trace_id":          x.requestID,
		"correlation_id":    x.clientRequestID,
		"error_uri":         fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", p.entra),
	})
	if err != nil {
		return nil // strings and numbers always encode
	}
	return body
}
