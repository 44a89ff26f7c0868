package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"tenantatlas/cmd/localstack/signin"
	"tenantatlas/cmd/localstack/stackfile"
)

// userSeed is a user and the role in each seeded tenant, by the tenant's name.
type userSeed struct {
	email         string
	name          string
	roles         map[string]string
	platformAdmin bool
}

// userSeeds are one user for every role, one of two tenants (as a managed
// service provider's), one of none, and the platform administrator.
func userSeeds() []userSeed {
	return []userSeed{
		{email: "admin@tenantatlas.example", name: "Platform administrator", platformAdmin: true},
		{email: "owner@contoso.example", name: "Olivia Owner", roles: map[string]string{"contoso": "owner"}},
		{email: "restorer@contoso.example", name: "Rene Restorer", roles: map[string]string{"contoso": "restorer"}},
		{email: "operator@contoso.example", name: "Omar Operator", roles: map[string]string{"contoso": "operator"}},
		{email: "viewer@contoso.example", name: "Vera Viewer", roles: map[string]string{"contoso": "viewer"}},
		{email: "owner@fabrikam.example", name: "Finn Fabrikam", roles: map[string]string{"fabrikam": "owner"}},
		{email: "msp@partner.example", name: "Mia Partner", roles: map[string]string{"contoso": "operator", "fabrikam": "restorer"}},
		{email: "nobody@partner.example", name: "Noa Body"},
	}
}

// runWithin is how long the main job waits for a run.
const runWithin = 5 * time.Minute

// seeder fills a fresh stack through its public doors: users through the
// identity provider's administration, all else through the API.
type seeder struct {
	config   config
	progress *progress
	stack    *stackfile.Stack
	client   *http.Client
	signIn   *signin.Client
	cognito  *cognitoidentityprovider.Client
	tokens   map[string]string // by e-mail address
	password string
	poll     time.Duration // how often a run is asked for
}

func newSeeder(c config, p *progress, stack *stackfile.Stack) *seeder {
	return &seeder{
		config: c, progress: p, stack: stack,
		client:   &http.Client{Timeout: 40 * time.Second},
		signIn:   signInClient(stack),
		cognito:  cognitoidentityprovider.NewFromConfig(administrator(c)),
		tokens:   map[string]string{},
		poll:     500 * time.Millisecond,
		password: "Local-" + rand.Text()[:12] + "-1",
	}
}

// seed makes the users, the tenants and the memberships.
func (s *seeder) seed(ctx context.Context) error {
	ids := map[string]string{}
	for _, u := range userSeeds() {
		id, err := s.user(ctx, u)
		if err != nil {
			return fmt.Errorf("user %s: %w", u.email, err)
		}
		ids[u.email] = id
	}
	byName := map[string]string{}
	for _, t := range s.config.tenants {
		owner := ownerOf(t.name)
		id, err := s.tenant(ctx, t, ids[owner.email], owner.name)
		if err != nil {
			return fmt.Errorf("tenant %s: %w", t.name, err)
		}
		byName[t.name] = id
		for _, u := range userSeeds() {
			if role, ok := u.roles[t.name]; ok && u.email != owner.email {
				body := map[string]string{"role": role, "name": u.name}
				if err := s.call(ctx, owner.email, http.MethodPut, "/v1/tenants/"+id+"/members/"+ids[u.email], body, nil); err != nil {
					return fmt.Errorf("member %s: %w", u.email, err)
				}
			}
		}
	}
	for _, u := range userSeeds() {
		roles := map[string]string{}
		for name, role := range u.roles {
			roles[byName[name]] = role
		}
		s.stack.Users = append(s.stack.Users, stackfile.User{
			Email: u.email, Password: s.password, UserID: ids[u.email], Roles: roles, PlatformAdmin: u.platformAdmin,
		})
	}
	return nil
}

// ownerOf is the user who owns a tenant from its start.
func ownerOf(tenant string) userSeed {
	for _, u := range userSeeds() {
		if u.roles[tenant] == "owner" {
			return u
		}
	}
	return userSeed{}
}

// user makes a user with a password that needs no change, and returns the
// subject that its tokens carry.
func (s *seeder) user(ctx context.Context, u userSeed) (string, error) {
	pool := aws.String(s.stack.UserPoolID)
	created, err := s.cognito.AdminCreateUser(ctx, &cognitoidentityprovider.AdminCreateUserInput{
		UserPoolId: pool, Username: aws.String(u.email), MessageAction: types.MessageActionTypeSuppress,
		TemporaryPassword: aws.String(s.password), // the stand-in's own would break the pool's policy
		UserAttributes: []types.AttributeType{
			{Name: aws.String("email"), Value: aws.String(u.email)},
			{Name: aws.String("email_verified"), Value: aws.String("true")},
			{Name: aws.String("name"), Value: aws.String(u.name)},
		},
	})
	if err != nil {
		return "", err
	}
	_, err = s.cognito.AdminSetUserPassword(ctx, &cognitoidentityprovider.AdminSetUserPasswordInput{
		UserPoolId: pool, Username: aws.String(u.email), Password: aws.String(s.password), Permanent: true,
	})
	if err != nil {
		return "", err
	}
	if u.platformAdmin {
		_, err = s.cognito.AdminAddUserToGroup(ctx, &cognitoidentityprovider.AdminAddUserToGroupInput{
			UserPoolId: pool, Username: aws.String(u.email), GroupName: aws.String("platform-admins"),
		})
		if err != nil {
			return "", err
		}
	}
	for _, attribute := range created.User.Attributes {
		if aws.ToString(attribute.Name) == "sub" {
			return aws.ToString(attribute.Value), nil
		}
	}
	return "", errors.New("the user has no subject")
}

// tenant registers a tenant as the platform administrator and returns its id.
func (s *seeder) tenant(ctx context.Context, t tenantSeed, ownerID, ownerName string) (string, error) {
	body := map[string]any{
		"name": t.name, "graphTenantId": t.graphTenantID, "clientId": t.clientID, "cloud": "global",
		"credential": map[string]string{"kind": "client_secret", "clientSecret": t.clientSecret},
		"owner":      map[string]string{"userId": ownerID, "name": ownerName},
	}
	var created struct {
		ID string `json:"id"`
	}
	if err := s.call(ctx, "admin@tenantatlas.example", http.MethodPost, "/v1/tenants", body, &created); err != nil {
		return "", err
	}
	if created.ID == "" {
		return "", errors.New("POST /v1/tenants answered no id")
	}
	s.stack.Tenants = append(s.stack.Tenants, stackfile.Tenant{
		ID: created.ID, Name: t.name, GraphTenantID: t.graphTenantID, ClientID: t.clientID, ClientSecret: t.clientSecret,
	})
	return created.ID, nil
}

// runView is what the main job reads of a run.
type runView struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Sentence string `json:"sentence"` // where it stands, for people
	Failure  struct {
		Next string `json:"next"`
	} `json:"failure"`
}

func (r runView) terminal() bool { return r.Status != "queued" && r.Status != "running" }

// String is the run's outcome and what to do about it.
func (r runView) String() string {
	return strings.TrimSpace(r.Status + ": " + r.Sentence + " " + r.Failure.Next)
}

// mainJob does as an operator would: sync the inventory, capture one policy, then
// back up all of them.
func (s *seeder) mainJob(ctx context.Context) error {
	const operator = "operator@contoso.example"
	tenant := "/v1/tenants/" + s.stack.Tenants[0].ID
	sync, err := s.run(ctx, operator, "Inventory sync of contoso", tenant, "/inventory-syncs", struct{}{})
	if err != nil {
		return err
	}
	if sync.Status != "succeeded" {
		return fmt.Errorf("the inventory sync ended %s", sync)
	}
	var policies struct {
		Items []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := s.call(ctx, operator, http.MethodGet, tenant+"/policies?type=settings-catalog-policy", nil, &policies); err != nil {
		return err
	}
	if len(policies.Items) == 0 {
		return errors.New("the inventory holds no settings catalog policy")
	}
	policy := policies.Items[0]
	path := "/policies/" + policy.ID
	capture, err := s.run(ctx, operator, fmt.Sprintf("Capture of %q", policy.Name), tenant, path+"/snapshots", struct{}{})
	if err != nil {
		return err
	}
	if capture.Status != "succeeded" {
		return fmt.Errorf("the capture ended %s", capture)
	}
	if err := s.call(ctx, operator, http.MethodGet, tenant+path+"/versions/1", nil, nil); err != nil {
		return err
	}
	s.progress.say("Version 1 of %q can be read", policy.Name)
	backup, err := s.run(ctx, operator, "Backup set of contoso", tenant, "/backup-sets", map[string]any{"name": "First backup", "selection": map[string]any{"all": true}})
	if err != nil {
		return err
	}
	if backup.Status != "succeeded" {
		return fmt.Errorf("the backup ended %s", backup)
	}
	return nil
}

// run starts a run and waits until it has ended.
func (s *seeder) run(ctx context.Context, user, name, tenant, path string, input any) (run runView, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, runWithin, fmt.Errorf("%s did not end within %v", name, runWithin))
	defer cancel()
	err = s.progress.step(name, func() error {
		// A backup set is answered with its run beside it.
		var started struct {
			runView
			Run *runView `json:"run"`
		}
		if err := s.call(ctx, user, http.MethodPost, tenant+path, input, &started); err != nil {
			return err
		}
		if run = started.runView; started.Run != nil {
			run = *started.Run
		}
		tick := time.NewTicker(s.poll)
		defer tick.Stop()
		for !run.terminal() {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-tick.C:
			}
			if err := s.call(ctx, user, http.MethodGet, tenant+"/runs/"+run.ID, nil, &run); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.progress.say("%s %s", name, run)
	}
	return run, err
}

// call asks the API as a user. An answer of 300 or more is an error with the
// problem's own words.
func (s *seeder) call(ctx context.Context, user, method, path string, body, answer any) error {
	token, err := s.token(ctx, user)
	if err != nil {
		return err
	}
	var content io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.stack.APIURL+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		var problem struct{ Title, Detail, Code, Message string }
		_ = json.Unmarshal(data, &problem) // without one the status alone is shown
		words := strings.Join(strings.Fields(strings.Join([]string{problem.Code, problem.Title, problem.Detail, problem.Message}, " ")), " ")
		return fmt.Errorf("%s %s as %s answered %d %s", method, path, user, res.StatusCode, words)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// token signs the user in once.
func (s *seeder) token(ctx context.Context, email string) (string, error) {
	if token, ok := s.tokens[email]; ok {
		return token, nil
	}
	tokens, err := s.signIn.Password(ctx, email, s.password)
	if err != nil {
		return "", fmt.Errorf("sign-in of %s: %w", email, err)
	}
	s.tokens[email] = tokens.AccessToken
	return tokens.AccessToken, nil
}

// summary is what a person needs to begin.
func summary(stack *stackfile.Stack) string {
	var b strings.Builder
	names := map[string]string{}
	for _, t := range stack.Tenants {
		names[t.ID] = t.Name
	}
	fmt.Fprintf(&b, "\n  The local stack is up.\n\n  Console   %s\n  API       %s/v1\n", stack.ConsoleURL, stack.APIURL)
	if stack.Graph.AdminURL != "" {
		fmt.Fprintf(&b, "  Graph     %s (simulator; administration at %s)\n", stack.Graph.URL, stack.Graph.AdminURL)
	} else {
		fmt.Fprintf(&b, "  Graph     %s\n", stack.Graph.URL)
	}
	b.WriteString("\n  Sign in as\n")
	for _, u := range stack.Users {
		var may []string
		if u.PlatformAdmin {
			may = append(may, "platform administrator")
		}
		for _, t := range stack.Tenants {
			if role := u.Roles[t.ID]; role != "" {
				may = append(may, role+" of "+names[t.ID])
			}
		}
		if len(may) == 0 {
			may = []string{"no tenant"}
		}
		fmt.Fprintf(&b, "    %-28s %s\n", u.Email, strings.Join(may, ", "))
	}
	fmt.Fprintf(&b, "  Password  %s\n\n  A token:  make token USER=operator@contoso.example\n  Stop:     Ctrl-C here, or make down\n\n", stack.Users[0].Password)
	return b.String()
}
