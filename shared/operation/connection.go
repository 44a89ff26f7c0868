package operation

import (
	"context"
	"fmt"

	"tenantatlas/shared/catalog"
	"tenantatlas/shared/engine"
	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// connectionTest tries what the other operations will need: that Microsoft
// accepts the credential, and that each policy type may be read.
type connectionTest struct{ session }

const credentialItem = "credential"

func newConnectionTest(s session) engine.Operation { return connectionTest{s} }

func (c connectionTest) Plan(context.Context) ([]run.Item, error) {
	types, err := sourceItems(c.run, func(catalog.Source) bool { return true })
	if err != nil {
		return nil, err
	}
	return append([]run.Item{{Key: credentialItem, Kind: "credential", Name: "Sign-in to Microsoft"}}, types...), nil
}

func (c connectionTest) Act(ctx context.Context, item run.Item) (run.Outcome, error) {
	if item.Key == credentialItem {
		// A refused credential ends the run: nothing else can work.
		return settle(run.Outcome{Status: run.OutcomeSucceeded}, c.graph.CheckToken(ctx))
	}
	src, ok := catalog.SourceByKey(item.Type)
	if !ok {
		return run.Outcome{}, fmt.Errorf("unknown policy type %q", item.Type)
	}
	t := src.Types[0]
	path, query := t.Collection, "$top=1"
	switch {
	case t.Singleton:
		query = ""
	case t.Parent != "":
		path = t.Parent
	}
	_, err := c.graph.Get(ctx, path, query, reason.ReadList)
	return settle(run.Outcome{Status: run.OutcomeSucceeded}, needs(err, t))
}
