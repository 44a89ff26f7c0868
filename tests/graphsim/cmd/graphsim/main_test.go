package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The line that a script waits for holds everything it needs, and the end of
// the context stops the program.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, []byte(`{"tenants":[{"id":"11111111-aaaa-4bbb-8ccc-000000000001","builtin":"fabrikam","apps":[{"clientId":"a","secrets":[{"value":"s"}]}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-dir", filepath.Join(dir, "state"), "-host", "graph.example", "-config", config}, in, io.Discard)
		in.CloseWithError(io.EOF)
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no line: %v", err)
	}
	var ready struct{ URL, AdminURL, CAFile string }
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	ca, err := os.ReadFile(ready.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	for _, name := range []string{"", "graph.example", "host.docker.internal", "127.0.0.1"} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}}}
		resp, err := client.PostForm(ready.URL+"/11111111-aaaa-4bbb-8ccc-000000000001/oauth2/v2.0/token", map[string][]string{"grant_type": {"client_credentials"}, "client_id": {"a"}, "client_secret": {"s"}, "scope": {"https://graph.microsoft.com/.default"}})
		if err != nil {
			t.Fatalf("as %q: %v", name, err)
		}
		resp.Body.Close()
		client.CloseIdleConnections()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("as %q: status %d", name, resp.StatusCode)
		}
	}
	resp, err := http.Get(ready.AdminURL + "/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"surprise"}, {"-nonsense"}, {"-config", filepath.Join(t.TempDir(), "none.json")}, {"-token-lifetime", "1ms"}} {
		var stderr strings.Builder
		if err := run(t.Context(), args, io.Discard, &stderr); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
