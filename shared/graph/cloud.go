package graph

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Cloud is one of Microsoft's national clouds. A tenant lives in exactly one.
type Cloud string

// The clouds. learn.microsoft.com/graph/deployments
const (
	Global   Cloud = "global"
	USGov    Cloud = "usgov"    // GCC High
	USGovDoD Cloud = "usgovdod" // Department of Defense
	China    Cloud = "china"    // operated by 21Vianet
)

// Clouds lists all clouds.
func Clouds() []Cloud { return []Cloud{Global, USGov, USGovDoD, China} }

// Endpoint is where a cloud is reached. Both URLs are https, without a path.
type Endpoint struct {
	GraphURL     string // also the audience of the token: <GraphURL>/.default
	AuthorityURL string
}

// Endpoint returns where the cloud is reached, and false for an unknown cloud.
func (c Cloud) Endpoint() (Endpoint, bool) {
	switch c {
	case Global:
		return Endpoint{"https://graph.microsoft.com", "https://login.microsoftonline.com"}, true
	case USGov:
		return Endpoint{"https://graph.microsoft.us", "https://login.microsoftonline.us"}, true
	case USGovDoD:
		return Endpoint{"https://dod-graph.microsoft.us", "https://login.microsoftonline.us"}, true
	case China:
		return Endpoint{"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"}, true
	}
	return Endpoint{}, false
}

// Validate reports every fault of the endpoint. Only https is accepted: a token
// must not travel in the clear, not even to a stand-in.
func (e Endpoint) Validate() error {
	return errors.Join(checkBase("GraphURL", e.GraphURL), checkBase("AuthorityURL", e.AuthorityURL))
}

func (e Endpoint) scope() string { return strings.TrimSuffix(e.GraphURL, "/") + "/.default" }

func checkBase(name, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s is not a URL", ErrConfig, name)
	case u.Scheme != "https":
		return fmt.Errorf("%w: %s must be https", ErrConfig, name)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("%w: %s must be a scheme and a host only", ErrConfig, name)
	}
	return nil
}
