// Command localstack runs the whole of TenantAtlas on one machine: it builds
// and deploys template.yaml to a stand-in for AWS, starts the Microsoft Graph
// simulator and one stable origin in front of both, seeds tenants and users,
// and carries out the main job once through the public API.
//
// It binds loopback addresses only, keeps everything below .local, and ends
// every process it started, however it ends itself. It never talks to AWS or
// Microsoft. "make up", "make down" and "make token" call it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"tenantatlas/cmd/localstack/signin"
	"tenantatlas/cmd/localstack/stackfile"
)

const usage = `Usage:
  localstack up [-detach] [-bare]   start the local stack (-bare seeds nothing)
  localstack down                   stop it
  localstack token EMAIL            print a fresh access token of a seeded user
  localstack bridge ADDRESS         let containers reach the stack through ADDRESS
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "localstack:", err)
		}
		os.Exit(1)
	}
}

// run carries out one command. Data goes to stdout, messages to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return flag.ErrHelp
	}
	root, err := projectRoot()
	if err != nil {
		return err
	}
	config, err := loadConfig(root, os.Getenv)
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		flags := flag.NewFlagSet("up", flag.ContinueOnError)
		flags.SetOutput(stderr)
		detach := flags.Bool("detach", false, "return when the stack is ready")
		bare := flags.Bool("bare", false, "deploy, but seed nothing")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if *detach {
			return upDetached(ctx, config, *bare, stderr)
		}
		return up(ctx, config, *bare, stderr)
	case "down":
		return down(config, stderr)
	case "token":
		if len(args) != 2 || args[1] == "" {
			return errors.New("say whose token: make token USER=owner@contoso.example")
		}
		return token(ctx, config, args[1], stdout)
	case "bridge":
		if len(args) != 2 {
			return errors.New("say which address containers reach this machine at")
		}
		return bridge(ctx, config, args[1], stderr)
	default:
		fmt.Fprint(stderr, usage)
		return flag.ErrHelp
	}
}

// projectRoot finds the folder of template.yaml, from the working folder upwards.
func projectRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "template.yaml")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("run this inside the project: there is no template.yaml here or above")
		}
		folder = parent
	}
}

// token signs a seeded user in on the hosted page and prints the access token alone.
func token(ctx context.Context, config config, email string, stdout io.Writer) error {
	stack, err := stackfile.Read(config.stackFile())
	if err != nil {
		return err
	}
	user, ok := stack.User(email)
	if !ok {
		return fmt.Errorf("there is no seeded user %q; .local/stack.json lists them", email)
	}
	client := signInClient(stack)
	tokens, err := client.Password(ctx, user.Email, user.Password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, tokens.AccessToken)
	return err
}

func signInClient(stack *stackfile.Stack) *signin.Client {
	return &signin.Client{
		AuthorizeURL: stack.SignIn.AuthorizeURL,
		TokenURL:     stack.SignIn.TokenURL,
		ClientID:     stack.ClientID,
		RedirectURI:  stack.SignIn.RedirectURI,
		Scope:        stack.SignIn.Scope,
	}
}
