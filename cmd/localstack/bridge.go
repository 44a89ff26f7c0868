package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"tenantatlas/cmd/localstack/stackfile"
)

// Names by which containers know the stack; "localhost" is the container itself.
// The Graph simulator's certificate names the second.
const (
	awsHostName   = "aws.localstack.internal"
	graphHostName = "graph.localstack.internal"
)

// graphCAInContainer is where a function in a container finds the authority of
// the Graph stand-in: beside its binary, the one folder that "sam local" mounts.
const graphCAInContainer = "/var/task/graph-ca.pem"

// bridge lets functions in containers use the stack, which binds loopback
// alone: it listens on the address that containers know this machine by, passes
// connections on to the same ports, and writes what "sam local" needs into
// .local/sam-local, until ctx ends. It refuses an address that other machines
// could reach.
func bridge(ctx context.Context, c config, address string, out io.Writer) error {
	if ip := net.ParseIP(address); ip == nil || !ip.IsPrivate() {
		return fmt.Errorf("%q is not the address of a container bridge", address)
	}
	stack, err := stackfile.Read(c.stackFile())
	if err != nil {
		return err
	}
	ports := []int{c.awsPort}
	if stack.Graph.AdminURL != "" {
		ports = append(ports, c.graphPort)
	}
	var listeners []net.Listener
	closeAll := sync.OnceFunc(func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	})
	defer closeAll()
	for _, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("bridge: %w", err)
		}
		listeners = append(listeners, l)
	}
	var accepting sync.WaitGroup
	for i, l := range listeners {
		accepting.Go(func() { forward(ctx, l, loopback(ports[i])) })
	}
	if err := prepareSAMLocal(ctx, c, stack); err != nil {
		return fmt.Errorf("sam local: %w", err)
	}
	fmt.Fprintf(out, "Containers reach the local stack at %s\n", address)
	<-ctx.Done()
	closeAll()
	accepting.Wait()
	return nil
}

// forward passes every connection of the listener on to target until it is closed.
func forward(ctx context.Context, listener net.Listener, target string) {
	for {
		from, err := listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		go func() {
			defer func() { _ = from.Close() }()
			to, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
			if err != nil {
				return
			}
			defer func() { _ = to.Close() }()
			stop := context.AfterFunc(ctx, func() { _ = from.Close(); _ = to.Close() })
			defer stop()
			done := make(chan struct{}, 2)
			go func() { _, _ = io.Copy(to, from); done <- struct{}{} }()
			go func() { _, _ = io.Copy(from, to); done <- struct{}{} }()
			<-done
		}()
	}
}

// prepareSAMLocal writes .local/sam-local: the built functions with the Graph
// stand-in's authority beside each, and the environment of the deployed
// functions as containers need it. Without the latter "sam local" would put the
// template's logical names in the place of the real table, bucket and queues.
func prepareSAMLocal(ctx context.Context, c config, stack *stackfile.Stack) error {
	folder := c.local("sam-local")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if output, err := exec.CommandContext(ctx, "cp", "-R", c.local("build"), filepath.Join(folder, "build")).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the built functions: %w: %s", err, output)
	}
	client := lambda.NewFromConfig(administrator(c))
	environments := map[string]map[string]string{}
	for name, deployed := range stack.Outputs {
		function, isFunction := strings.CutSuffix(name, "Name")
		if !isFunction || !strings.HasSuffix(function, "Function") {
			continue
		}
		configuration, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(deployed)})
		if err != nil {
			return err
		}
		variables := map[string]string{}
		if configuration.Environment != nil {
			variables = configuration.Environment.Variables
		}
		environments[function] = containerEnvironment(c, stack, function, variables)
		if stack.Graph.CAFile != "" {
			if err := copyFile(stack.Graph.CAFile, filepath.Join(folder, "build", function, filepath.Base(graphCAInContainer))); err != nil {
				return err
			}
		}
	}
	data, err := json.MarshalIndent(environments, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "env.json"), data, 0o600)
}

// containerEnvironment is a deployed function's environment with the addresses
// that lead to the stack from inside a container. The API function checks
// tokens itself there, since "sam local start-api" runs no authorizer.
func containerEnvironment(c config, stack *stackfile.Stack, function string, deployed map[string]string) map[string]string {
	awsPort, graphPort := strconv.Itoa(c.awsPort), strconv.Itoa(c.graphPort)
	addresses := strings.NewReplacer(
		"http://127.0.0.1:"+awsPort, "http://"+awsHostName+":"+awsPort,
		"http://localhost:"+awsPort, "http://"+awsHostName+":"+awsPort,
		"https://127.0.0.1:"+graphPort, "https://"+graphHostName+":"+graphPort,
		"https://localhost:"+graphPort, "https://"+graphHostName+":"+graphPort,
	)
	variables := map[string]string{}
	for name, value := range deployed {
		variables[name] = addresses.Replace(value)
	}
	if _, ok := variables["SSL_CERT_FILE"]; ok {
		variables["SSL_CERT_FILE"] = graphCAInContainer
	}
	if function == "ApiFunction" {
		variables["JWKS_URL"] = "http://" + awsHostName + ":" + awsPort + "/" + stack.UserPoolID + "/.well-known/jwks.json"
	}
	return variables
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
