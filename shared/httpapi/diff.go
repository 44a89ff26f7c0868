package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/diff"
	"tenantatlas/shared/run"
)

// DiffView is what changed from one version of a policy to another.
type DiffView struct {
	diff.Result
	From VersionView `json:"from"`
	To   VersionView `json:"to"`
	// Equal is not said while a part of either version was not read.
	Equal bool `json:"equal" doc:"The content is the same. Never true while a part of either version could not be read"`
}

func versionPath(tenantID, policyID string, number int) string {
	return "/v1/tenants/" + tenantID + "/policies/" + policyID + "/versions/" + strconv.Itoa(number)
}

// diffPath is where to read what changed from one version to another.
func diffPath(tenantID, policyID string, from, to int) string {
	return versionPath(tenantID, policyID, to) + "/diff?from=" + strconv.Itoa(from)
}

func (s *server) registerDiff(api huma.API) {
	type diffInput struct {
		PolicyPath
		Number int `path:"number" minimum:"1" maximum:"99999999"`
		From   int `query:"from" minimum:"1" maximum:"99999999" doc:"The version to compare with; the one before when it is left out"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policies/{policy}/versions/{number}/diff", "diffVersions",
		"Compare a version with an earlier one", "policies", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *diffInput) (*struct{ Body DiffView }, error) {
			return s.diff(ctx, in.PolicyPath, func(run.Policy) (from, to int) {
				if in.From == 0 {
					in.From = in.Number - 1
				}
				return in.From, in.Number
			})
		})

	type latestInput struct {
		PolicyPath
		From int `query:"from" required:"true" minimum:"1" maximum:"99999999" doc:"The version to compare with"`
	}
	huma.Register(api, op(http.MethodGet, "/v1/tenants/{tenant}/policies/{policy}/diff", "diffLatest",
		"Compare the latest capture of a policy with a version", "policies", http.StatusOK, http.StatusNotFound),
		func(ctx context.Context, in *latestInput) (*struct{ Body DiffView }, error) {
			return s.diff(ctx, in.PolicyPath, func(p run.Policy) (from, to int) { return in.From, p.LatestVersion })
		})
}

func (s *server) diff(ctx context.Context, path PolicyPath, versions func(run.Policy) (from, to int)) (*struct{ Body DiffView }, error) {
	p, err := s.readPolicy(ctx, path.Tenant, path.Policy)
	if err != nil {
		return nil, s.problem(ctx, err, "policy")
	}
	from, to := versions(p)
	view, err := s.compare(ctx, path.Tenant, path.Policy, from, to)
	if err != nil {
		return nil, s.problem(ctx, err, "version")
	}
	return &struct{ Body DiffView }{view}, nil
}

// compare compares two versions of a policy. The first version of all, which has
// none before it, is run.ErrNotFound.
func (s *server) compare(ctx context.Context, tenantID, policyID string, from, to int) (DiffView, error) {
	var versions [2]run.Version
	var payloads [2][]byte
	for i, number := range []int{from, to} {
		if number < 1 {
			return DiffView{}, run.ErrNotFound
		}
		var err error
		if versions[i], payloads[i], err = s.readVersion(ctx, tenantID, policyID, number); err != nil {
			return DiffView{}, err
		}
	}
	// A policy can have moved to another type meanwhile: the later one says how it is read.
	t, ok := catalog.ByID(versions[1].PolicyType)
	if !ok {
		return DiffView{}, fmt.Errorf("version of the unknown type %q", versions[1].PolicyType)
	}
	result, err := diff.Compare(t, payloads[0], payloads[1])
	if err != nil {
		return DiffView{}, fmt.Errorf("compare versions: %w", err)
	}
	complete := versions[0].Complete && versions[1].Complete && len(result.UnreadBefore)+len(result.UnreadAfter) == 0
	return DiffView{
		Result: result, From: versionView(versions[0]), To: versionView(versions[1]), Equal: complete && result.Total == 0,
	}, nil
}
