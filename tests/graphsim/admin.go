package graphsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxAdminBody bounds a request to the admin interface: whole tenants go through it.
const maxAdminBody = 64 << 20

// badInput is an error of the caller of the admin interface.
type badInput struct{ err error }

func (b badInput) Error() string { return b.err.Error() }
func (b badInput) Unwrap() error { return b.err }

// TenantInfo is a tenant as the admin interface lists it. It holds no secrets.
type TenantInfo struct {
	ID          string         `json:"id"`
	DisplayName string         `json:"displayName"`
	Domains     []string       `json:"domains"`
	Apps        []AppInfo      `json:"apps"`
	Objects     map[string]int `json:"objects"`
}

// AppInfo is an app without its secrets.
type AppInfo struct {
	ClientID    string   `json:"clientId"`
	Permissions []string `json:"permissions"`
	Disabled    bool     `json:"disabled,omitempty"`
}

// Tenants lists the tenants by id.
func (s *Sim) Tenants() []TenantInfo {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []TenantInfo{}
	for _, id := range slices.Sorted(maps.Keys(s.tenants)) {
		t := s.tenants[id]
		info := TenantInfo{ID: t.id, DisplayName: t.displayName, Domains: t.domains, Apps: []AppInfo{}, Objects: t.counts()}
		t.mu.RLock()
		for _, key := range slices.Sorted(maps.Keys(t.apps)) {
			a := t.apps[key]
			info.Apps = append(info.Apps, AppInfo{ClientID: a.ClientID, Permissions: a.Permissions, Disabled: a.Disabled})
		}
		t.mu.RUnlock()
		out = append(out, info)
	}
	return out
}

// adminHandler serves the admin interface; README.md lists its routes.
func (s *Sim) adminHandler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
			v, err := f(r)
			s.writeAdmin(w, v, err)
		})
	}
	ok := map[string]bool{"ok": true}

	handle("GET /health", func(*http.Request) (any, error) {
		return map[string]any{"ok": true, "url": s.URL, "caFile": s.CAFile, "now": s.Now()}, nil
	})

	handle("GET /v1/tenants", func(*http.Request) (any, error) { return s.Tenants(), nil })
	handle("PUT /v1/tenants/{tenant}", func(r *http.Request) (any, error) {
		spec, err := readAdmin[TenantSpec](r)
		if err != nil {
			return nil, err
		}
		if spec.ID == "" {
			spec.ID = r.PathValue("tenant")
		}
		if !strings.EqualFold(spec.ID, r.PathValue("tenant")) {
			return nil, badInput{errors.New("the id in the body is another than in the path")}
		}
		return s.addTenantFromAdmin(spec)
	})
	handle("DELETE /v1/tenants/{tenant}", func(r *http.Request) (any, error) {
		if !s.RemoveTenant(r.PathValue("tenant")) {
			return nil, fs.ErrNotExist
		}
		return ok, nil
	})
	handle("PUT /v1/tenants/{tenant}/apps/{app}", func(r *http.Request) (any, error) {
		app, err := readAdmin[App](r)
		if err != nil {
			return nil, err
		}
		app.ClientID = r.PathValue("app")
		return ok, s.SetApp(r.PathValue("tenant"), app)
	})
	handle("DELETE /v1/tenants/{tenant}/apps/{app}", func(r *http.Request) (any, error) {
		return ok, s.RemoveApp(r.PathValue("tenant"), r.PathValue("app"))
	})

	handle("GET /v1/tenants/{tenant}/objects/{collection}", func(r *http.Request) (any, error) {
		return s.Objects(r.PathValue("tenant"), r.PathValue("collection"))
	})
	handle("POST /v1/tenants/{tenant}/objects", func(r *http.Request) (any, error) {
		o, err := readAdmin[Object](r)
		if err != nil {
			return nil, err
		}
		id, err := s.PutObject(r.PathValue("tenant"), o)
		return map[string]string{"id": id}, err
	})
	handle("DELETE /v1/tenants/{tenant}/objects/{collection}/{id}", func(r *http.Request) (any, error) {
		return ok, s.DeleteObject(r.PathValue("tenant"), r.PathValue("collection"), r.PathValue("id"))
	})
	handle("POST /v1/tenants/{tenant}/objects/{collection}/{id}/touch", func(r *http.Request) (any, error) {
		return ok, s.Touch(r.PathValue("tenant"), r.PathValue("collection"), r.PathValue("id"))
	})
	handle("PUT /v1/tenants/{tenant}/objects/{collection}/{id}/assignments", func(r *http.Request) (any, error) {
		list, err := readAdmin[[]json.RawMessage](r)
		if err != nil {
			return nil, err
		}
		return ok, s.SetAssignments(r.PathValue("tenant"), r.PathValue("collection"), r.PathValue("id"), list)
	})

	handle("GET /v1/faults", func(*http.Request) (any, error) { return s.Faults(), nil })
	handle("POST /v1/faults", func(r *http.Request) (any, error) {
		f, err := readAdmin[Fault](r)
		if err != nil {
			return nil, err
		}
		id, err := s.AddFault(f)
		return map[string]string{"id": id}, err
	})
	handle("DELETE /v1/faults", func(*http.Request) (any, error) { s.ClearFaults(); return ok, nil })
	handle("DELETE /v1/faults/{id}", func(r *http.Request) (any, error) {
		if !s.RemoveFault(r.PathValue("id")) {
			return nil, fs.ErrNotExist
		}
		return ok, nil
	})

	handle("GET /v1/quotas", func(*http.Request) (any, error) { return s.limiter.list(), nil })
	handle("PUT /v1/quotas", func(r *http.Request) (any, error) {
		quotas, err := readAdmin[[]Quota](r)
		if err != nil {
			return nil, err
		}
		return ok, s.SetQuotas(quotas)
	})
	handle("DELETE /v1/quotas", func(*http.Request) (any, error) { return ok, s.SetQuotas(s.options.Quotas) })

	handle("PUT /v1/latency", func(r *http.Request) (any, error) {
		l, err := readAdmin[Latency](r)
		if err != nil {
			return nil, err
		}
		return ok, s.SetLatency(l)
	})
	handle("PUT /v1/token-lifetime", func(r *http.Request) (any, error) {
		in, err := readAdmin[struct {
			Seconds int `json:"seconds"`
		}](r)
		if err != nil {
			return nil, err
		}
		return ok, s.SetTokenLifetime(time.Duration(in.Seconds) * time.Second)
	})
	handle("POST /v1/clock/advance", func(r *http.Request) (any, error) {
		in, err := readAdmin[struct {
			Ms int64 `json:"ms"`
		}](r)
		if err != nil {
			return nil, err
		}
		const longest = 10 * 365 * 24 * time.Hour
		if in.Ms < 0 || in.Ms > longest.Milliseconds() {
			return nil, badInput{errors.New("ms must be between 0 and ten years")}
		}
		s.Advance(time.Duration(in.Ms) * time.Millisecond)
		return map[string]time.Time{"now": s.Now()}, nil
	})

	handle("GET /v1/log", func(r *http.Request) (any, error) {
		f, err := logFilter(r)
		if err != nil {
			return nil, err
		}
		return s.Log(f), nil
	})
	handle("GET /v1/counters", func(*http.Request) (any, error) {
		total, tenants := s.journal.counters()
		return map[string]any{"total": total, "tenants": tenants}, nil
	})
	handle("POST /v1/reset", func(r *http.Request) (any, error) {
		in, err := readAdmin[struct {
			Log, Counters, Faults, Quotas, Latency, Tenants bool
		}](r)
		if err != nil {
			return nil, err
		}
		if in.Log {
			s.ResetLog()
		}
		if in.Counters {
			s.ResetCounters()
		}
		if in.Faults {
			s.ClearFaults()
		}
		if in.Latency {
			s.setLatency(s.options.Latency)
		}
		if in.Tenants {
			for _, t := range s.Tenants() {
				s.RemoveTenant(t.ID)
			}
		}
		if in.Quotas {
			err = s.SetQuotas(s.options.Quotas)
		}
		return ok, err
	})
	return mux
}

// addTenantFromAdmin loads a tenant whose folder is named by the caller: only
// below Options.FolderRoot, and not through links that lead out of it.
func (s *Sim) addTenantFromAdmin(spec TenantSpec) (report LoadReport, err error) {
	if spec.Folder != "" {
		if s.options.FolderRoot == "" {
			return report, badInput{errors.New("folders cannot be loaded: the simulator was started without a folder root")}
		}
		root, err := os.OpenRoot(s.options.FolderRoot)
		if err != nil {
			return report, err
		}
		defer func() { err = errors.Join(err, root.Close()) }()
		if spec.FS, err = fs.Sub(root.FS(), filepath.ToSlash(filepath.Clean(spec.Folder))); err != nil {
			return report, badInput{err}
		}
	}
	report, err = s.AddTenant(spec)
	if err != nil {
		err = badInput{err}
	}
	return report, err
}

func logFilter(r *http.Request) (LogFilter, error) {
	q := r.URL.Query()
	f := LogFilter{Tenant: q.Get("tenant"), App: q.Get("app"), Kind: q.Get("kind")}
	var errs []error
	for name, set := range map[string]func(uint64){
		"since":  func(n uint64) { f.Since = n },
		"status": func(n uint64) { f.Status = int(min(n, 999)) },
		"limit":  func(n uint64) { f.Limit = int(min(n, 1<<30)) },
	} {
		if v := q.Get(name); v != "" {
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				errs = append(errs, badInput{fmt.Errorf("%s is not a number", name)})
				continue
			}
			set(n)
		}
	}
	return f, errors.Join(errs...)
}

// readAdmin decodes a JSON body and refuses fields it does not know.
func readAdmin[T any](r *http.Request) (T, error) {
	var v T
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return v, badInput{fmt.Errorf("read the body: %w", err)}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return v, badInput{fmt.Errorf("the body: %w", err)}
	}
	if dec.More() {
		return v, badInput{errors.New("the body holds more than one JSON value")}
	}
	return v, nil
}

// writeAdmin writes the answer of the admin interface.
func (s *Sim) writeAdmin(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		if errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(badInput)) {
			status = http.StatusNotFound
		}
		v = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.logger.Debug("the client of the admin interface left", slog.Any("error", err))
	}
}
