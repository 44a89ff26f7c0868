// Package stackfile is the description of a running local stack: where it
// answers, who may sign in, and what belongs to it.
//
// The runner writes it to .local/stack.json, readable by its owner alone, since
// it holds the passwords and secrets of the seeded users and tenants. Tests and
// "make token" read it. It touches that one file and nothing else.
package stackfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotUp is returned when there is no file, so no stack is up.
var ErrNotUp = errors.New("the local stack is not up; start it with: make up")

// Stack is a running local stack.
type Stack struct {
	APIURL     string   `json:"apiUrl"`     // origin; the API's paths begin with /v1
	ConsoleURL string   `json:"consoleUrl"` // origin
	Graph      Graph    `json:"graph"`
	Tenants    []Tenant `json:"tenants"`
	Users      []User   `json:"users"`

	AWS        AWS               `json:"aws"`
	StackName  string            `json:"stackName"`
	TableName  string            `json:"tableName"`
	BucketName string            `json:"bucketName"`
	UserPoolID string            `json:"userPoolId"`
	ClientID   string            `json:"clientId"`
	SignIn     SignIn            `json:"signIn"`
	Outputs    map[string]string `json:"outputs"` // all outputs of the deployed template
	PIDs       map[string]int    `json:"pids"`    // by name; "supervisor" is the runner
}

// Graph is the Microsoft Graph stand-in.
type Graph struct {
	URL          string `json:"url"`
	AdminURL     string `json:"adminUrl"` // empty with a stand-in that is not the simulator
	CAFile       string `json:"caFile"`
	AuthorityURL string `json:"authorityUrl"`
}

// Tenant is a seeded tenant with the credential of its application.
type Tenant struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	GraphTenantID string `json:"graphTenantId"`
	ClientID      string `json:"clientId"`
	ClientSecret  string `json:"clientSecret"`
}

// User is a seeded user.
type User struct {
	Email         string            `json:"email"`
	Password      string            `json:"password"`
	UserID        string            `json:"userId"` // the token's sub
	Roles         map[string]string `json:"roles"`  // role by tenant id
	PlatformAdmin bool              `json:"platformAdmin"`
}

// AWS is how to reach the stand-in for AWS as its administrator.
type AWS struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	AccountID       string `json:"accountId"`
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

// SignIn is what a client needs for the code flow.
type SignIn struct {
	Issuer       string `json:"issuer"`
	AuthorizeURL string `json:"authorizeUrl"`
	TokenURL     string `json:"tokenUrl"`
	RedirectURI  string `json:"redirectUri"`
	Scope        string `json:"scope"`
}

// User returns the user with the e-mail address.
func (s *Stack) User(email string) (User, bool) {
	for _, u := range s.Users {
		if u.Email == email {
			return u, true
		}
	}
	return User{}, false
}

// Write replaces the file, readable by its owner alone. A reader sees the old
// content or the new, never a part.
func (s *Stack) Write(path string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("stack file: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".stack-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("stack file: %w", err)
	}
	_, err = tmp.Write(append(data, '\n'))
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("stack file: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

// Read reads the file. It returns ErrNotUp when there is none.
func Read(path string) (*Stack, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotUp
	}
	if err != nil {
		return nil, fmt.Errorf("stack file: %w", err)
	}
	var s Stack
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("stack file %s: %w", path, err)
	}
	return &s, nil
}
