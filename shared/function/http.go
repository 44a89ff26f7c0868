package function

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// httpFunction serves an HTTP API's events with a handler.
//
// The adapter library provides the context and the answer. The request is
// completed here: the library makes it from text, so that a "#" in a path cuts
// off what follows and a "," in a header what comes after.
func httpFunction(h http.Handler) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		r, err := httpRequest(ctx, event)
		if err != nil {
			// Only an event that API Gateway does not send gets here.
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusBadRequest, Body: http.StatusText(http.StatusBadRequest)}, nil //nolint:nilerr // it is the caller's fault, not the function's
		}
		w := core.NewProxyResponseWriterV2()
		h.ServeHTTP(w, r)
		resp, err := w.GetProxyResponse()
		if err != nil {
			return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("write answer: %w", err)
		}
		return resp, nil
	}
}

func httpRequest(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	bare := event
	bare.RawPath, bare.RawQueryString, bare.QueryStringParameters = "/", "", nil
	bare.Headers, bare.Cookies, bare.Body, bare.IsBase64Encoded = nil, nil, "", false
	var accessor core.RequestAccessorV2
	r, err := accessor.EventToRequestWithContext(ctx, bare)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}

	// The gateway hands the path on decoded; one that is still encoded is decoded
	// here, so that both name the same thing.
	decoded := event.RawPath
	if p, err := url.PathUnescape(decoded); err == nil {
		decoded = p
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.URL.Fragment = decoded, escapePath(decoded), event.RawQueryString, ""
	r.RequestURI = r.URL.RequestURI()

	r.Header = make(http.Header, len(event.Headers)+1)
	for name, value := range event.Headers {
		r.Header.Set(name, value)
	}
	if len(event.Cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
	return r, nil
}

// escapePath writes a decoded path so that every segment stays one, dots
// included: a router must not resolve "..".
func escapePath(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if s == "." || s == ".." {
			segments[i] = strings.ReplaceAll(s, ".", "%2E")
		} else {
			segments[i] = url.PathEscape(s)
		}
	}
	return strings.Join(segments, "/")
}
