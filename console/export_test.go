package console

import (
	"io/fs"
	"net/http"
)

// NewOn builds the handler over another site than the embedded one.
func NewOn(c Config, site fs.FS) (http.Handler, error) { return newHandler(c, site) }

// Dist is the embedded folder; it holds the site once that is built.
func Dist() (fs.FS, error) { return fs.Sub(dist, "dist") }
