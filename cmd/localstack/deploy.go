package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"tenantatlas/cmd/localstack/stackfile"
)

// samEnvironment is what the SAM CLI runs with: the person's environment, less
// whatever names another AWS account, and the stand-in's administrator.
func samEnvironment(c config) ([]string, error) {
	// Set in the environment, GOFLAGS replaces what "go env -w" keeps: put ours beside it.
	own, err := exec.Command("go", "env", "GOFLAGS").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOFLAGS: %w", err)
	}
	env := []string{}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "AWS_") {
			env = append(env, entry)
		}
	}
	return append(env,
		"SAM_CLI_TELEMETRY=0",
		"AWS_ENDPOINT_URL="+c.awsEndpoint(),
		"AWS_ACCESS_KEY_ID="+adminKeyID,
		"AWS_SECRET_ACCESS_KEY="+adminSecret,
		"AWS_DEFAULT_REGION="+region,
		"AWS_REGION="+region,
		// A binary with cgo wants a C loader that the runtime image lacks.
		"CGO_ENABLED=0",
		"GOFLAGS="+strings.TrimSpace(string(own)+" -trimpath -tags=lambda.norpc '-ldflags=-s -w'"),
	), nil
}

// build compiles the functions with the SAM CLI.
func build(ctx context.Context, c config, p *processes) error {
	env, err := samEnvironment(c)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, c.sam(), "build",
		"--config-file", c.root+"/samconfig.toml", "--config-env", "local",
		"--template-file", c.root+"/template.yaml", "--build-dir", c.local("build"),
		"--parameter-overrides", "Architecture="+architecture())
	cmd.Dir, cmd.Env = c.root, env
	if err := p.runTool("sam-build", cmd); err != nil {
		return toolFailed(ctx, c, "the build", "sam-build", err, compileError(ctx, c))
	}
	return nil
}

// compileError is the compiler's first complaint, or "". The SAM CLI shows its
// last instead, which may be about a file that was never made.
func compileError(ctx context.Context, c config) string {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", os.DevNull, "./functions/...")
	cmd.Dir = c.root
	output, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	for line := range strings.Lines(string(output)) {
		if !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}

// deploy deploys the built template and returns its outputs.
func deploy(ctx context.Context, c config, p *processes, graph stackfile.Graph) (map[string]string, error) {
	env, err := samEnvironment(c)
	if err != nil {
		return nil, err
	}
	parameters := []string{
		"Architecture=" + architecture(),
		"ConsoleUrl=" + c.origin(),
		"OidcAuthorizeUrl=" + c.origin() + "/oauth2/authorize",
		"OidcTokenUrl=" + c.origin() + "/oauth2/token",
		"OidcLogoutUrl=" + c.origin() + "/logout",
		"AwsEndpointUrl=" + c.awsEndpoint(),
		"GraphUrl=" + graph.URL,
		"WorkerConcurrency=20", // two cores carry no more
		"AuthorityUrl=" + graph.AuthorityURL,
	}
	if graph.CAFile != "" {
		parameters = append(parameters, "GraphCaFile="+graph.CAFile)
	}
	if c.runDeadline != "" {
		parameters = append(parameters, "RunDeadlineSeconds="+c.runDeadline)
	}
	args := append([]string{
		"deploy",
		"--config-file", c.root + "/samconfig.toml", "--config-env", "local",
		"--template-file", c.local("build", "template.yaml"),
		"--parameter-overrides",
	}, parameters...)
	cmd := exec.CommandContext(ctx, c.sam(), args...)
	cmd.Dir, cmd.Env = c.root, env
	client := cloudformation.NewFromConfig(administrator(c))
	if err := p.runTool("sam-deploy", cmd); err != nil {
		return nil, toolFailed(ctx, c, "the deployment", "sam-deploy", err, failedResource(ctx, client))
	}
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(stackName)})
	if err != nil {
		return nil, fmt.Errorf("the deployed stack: %w", err)
	}
	if len(described.Stacks) != 1 {
		return nil, errors.New("the deployed stack is not there")
	}
	outputs := map[string]string{}
	for _, o := range described.Stacks[0].Outputs {
		outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	return outputs, nil
}

// administrator is the stand-in's root.
func administrator(c config) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(c.awsEndpoint()),
		Credentials:  credentials.NewStaticCredentialsProvider(adminKeyID, adminSecret, ""),
	}
}

// failedResource is why the first resource failed, or "".
func failedResource(ctx context.Context, client *cloudformation.Client) string {
	events, err := client.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: aws.String(stackName)})
	if err != nil {
		return "" // there may be no stack at all; the tool's own words are shown then
	}
	reason := ""
	for _, e := range events.StackEvents { // newest first
		if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") && aws.ToString(e.ResourceStatusReason) != "" {
			reason = aws.ToString(e.LogicalResourceId) + ": " + aws.ToString(e.ResourceStatusReason)
		}
	}
	return reason
}

// toolFailed is one line: what failed, why, and where the rest is written.
func toolFailed(ctx context.Context, c config, what, log string, err error, reason string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if reason == "" {
		reason = lastWords(c.log(log))
	}
	if reason == "" {
		reason = err.Error()
	}
	return fmt.Errorf("%s failed: %s; see %s", what, strings.Join(strings.Fields(reason), " "), c.logShown(log))
}

// lastWords is the tool's own reason: its last line that names an error, else its last line.
func lastWords(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	last, named := "", ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		last = line
		if strings.HasPrefix(line, "Error:") || strings.Contains(line, ".go:") {
			named = line
		}
	}
	if named != "" {
		return named
	}
	return last
}

// proveAccessControl shows that the stand-in evaluates policies: a session that
// is allowed nothing but to ask who it is must be refused a read of the table.
// Without this a missing permission would stay hidden until AWS.
func proveAccessControl(ctx context.Context, c config, table string) error {
	session, err := sts.NewFromConfig(administrator(c)).GetFederationToken(ctx, &sts.GetFederationTokenInput{
		Name:   aws.String("access-control-probe"),
		Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}]}`),
	})
	if err != nil {
		return fmt.Errorf("access control probe: %w", err)
	}
	limited := administrator(c)
	limited.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(session.Credentials.AccessKeyId),
		aws.ToString(session.Credentials.SecretAccessKey), aws.ToString(session.Credentials.SessionToken))
	_, err = dynamodb.NewFromConfig(limited).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
	if err == nil {
		return errors.New("the stand-in for AWS does not enforce access control")
	}
	if !strings.Contains(err.Error(), "AccessDenied") {
		return fmt.Errorf("access control probe: %w", err)
	}
	return nil
}
