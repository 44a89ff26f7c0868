// Command graphsim runs the Microsoft Graph simulator until it gets SIGINT or
// SIGTERM. When it is ready it prints one line of JSON: url, adminUrl, caFile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"tenantatlas/tests/graphsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "graphsim:", err)
		stop()
		os.Exit(1)
	}
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// run starts the simulator and waits for ctx to end.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("graphsim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var hosts list
	listen := flags.String("listen", "127.0.0.1:0", "address of the simulated token endpoint and Graph (TLS)")
	admin := flags.String("admin-listen", "127.0.0.1:0", "address of the admin interface (plain HTTP); keep it on loopback")
	dir := flags.String("dir", "", "folder that keeps the certificate authority and the token key; none: new ones each time")
	root := flags.String("folder-root", "", "folder below which the admin interface may load tenants")
	config := flags.String("config", "", "JSON file with tenants to load at the start: {\"tenants\":[...]}, each as for PUT /v1/tenants/{id}")
	lifetime := flags.Duration("token-lifetime", 0, "lifetime of access tokens; 0 means 3599 s")
	logSize := flags.Int("log-size", 0, "requests kept in the log; 0 means 20000")
	seed := flags.Uint64("seed", 0, "seed of the order of $batch answers")
	flags.Var(&hosts, "host", "further name or address in the server certificate; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	sim, err := graphsim.Start(graphsim.Options{
		Listen: *listen, AdminListen: *admin, Dir: *dir, Hosts: hosts, FolderRoot: *root,
		TokenLifetime: *lifetime, LogSize: *logSize, Seed: *seed,
		Logger: slog.New(slog.NewJSONHandler(stderr, nil)),
	})
	if err != nil {
		return err
	}
	if err := load(sim, *config); err != nil {
		return errors.Join(err, sim.Close())
	}
	ready, err := json.Marshal(map[string]string{"url": sim.URL, "adminUrl": sim.AdminURL, "caFile": sim.CAFile})
	if err == nil {
		_, err = fmt.Fprintf(stdout, "%s\n", ready)
	}
	if err != nil {
		return errors.Join(err, sim.Close())
	}
	<-ctx.Done()
	done := make(chan error, 1)
	go func() { done <- sim.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		return errors.New("the simulator did not stop within 10 s")
	}
}

// load adds the tenants of the configuration file.
func load(sim *graphsim.Sim, file string) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config struct {
		Tenants []graphsim.TenantSpec `json:"tenants"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, spec := range config.Tenants {
		if spec.Folder != "" {
			spec.FS = os.DirFS(spec.Folder)
		}
		if _, err := sim.AddTenant(spec); err != nil {
			return fmt.Errorf("tenant %s: %w", spec.ID, err)
		}
	}
	return nil
}
