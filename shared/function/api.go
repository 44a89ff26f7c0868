package function

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantatlas/shared/httpapi"
	"tenantatlas/shared/s3archive"
	"tenantatlas/shared/secretstore"
	"tenantatlas/shared/signin"
	"tenantatlas/shared/sqsqueue"
	"tenantatlas/shared/start"
)

// API builds the handler of the HTTP API.
func API(ctx context.Context, log *slog.Logger) (any, error) {
	e := environment{get: os.Getenv}
	var (
		table    = e.must("TABLE_NAME", "the table with all records")
		bucket   = e.must("ARCHIVE_BUCKET", "the bucket with all payloads")
		prefix   = e.must("SECRET_PREFIX", "where the names of credentials begin")
		keyID    = e.or("SECRET_KMS_KEY_ID", "")
		console  = e.or("CONSOLE_URL", "")
		deadline = e.deadline()
		entries  = e.timetable()
		urls     = e.queues()
		identity = signin.Config{
			Issuer: e.or("OIDC_ISSUER", ""), Audience: e.or("OIDC_AUDIENCE", ""), Scope: e.or("API_SCOPE", ""),
			GroupsClaim: e.or("GROUPS_CLAIM", "cognito:groups"), AdminGroup: e.or("PLATFORM_ADMIN_GROUP", "platform-admins"),
			KeysURL: e.or("JWKS_URL", ""),
		}
	)
	if err := e.err(); err != nil {
		return nil, err
	}
	if err := identity.Validate(); err != nil {
		return nil, fmt.Errorf("sign-in: %w", err)
	}
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	store := newStore(cfg, table)
	identify := signin.Gateway(identity, time.Now)
	if identity.KeysURL != "" {
		identify = signin.Verifier(ctx, identity, time.Now)
	}
	handler := httpapi.New(httpapi.Deps{
		Starter: &start.Starter{
			Runs: store, Queue: sqsqueue.New(sqs.NewFromConfig(cfg), urls), Now: time.Now, Log: log,
		},
		Tenants: store, Runs: store, Policies: store, Records: store, Sets: store, Schedules: store, Drifts: store, Subscriptions: store, Summaries: store, Filters: store,
		Timetable:   newTimetable(cfg, entries),
		Archive:     s3archive.New(s3.NewFromConfig(cfg), bucket, s3archive.Options{}),
		Credentials: secretstore.New(secretsmanager.NewFromConfig(cfg), prefix, keyID),
		Now:         time.Now, Log: log, Identify: identify, ConsoleURL: console,
		Deadline: deadline,
	})
	return httpFunction(handler), nil
}
