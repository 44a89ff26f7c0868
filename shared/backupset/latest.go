package backupset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantatlas/shared/reason"
	"tenantatlas/shared/run"
)

// readParallel is how many versions are read at once.
const readParallel = 16

// Latest are the items of a set that holds the latest versions of the chosen
// policies and, with foundations, of what those need. Nothing is captured: a policy
// without a version is an item that is missing.
func Latest(ctx context.Context, policies run.Policies, setID string, chosen []run.Policy, foundations bool, at time.Time) ([]run.BackupItem, error) {
	items := make([]run.BackupItem, 0, len(chosen))
	known := make(map[string]bool, len(chosen))
	for _, p := range chosen {
		known[p.ID] = true
	}
	for foundation := false; len(chosen) > 0; foundation = true {
		next, needed, err := hold(ctx, policies, setID, chosen, foundation, at)
		if err != nil {
			return nil, err
		}
		items = append(items, next...)
		chosen = nil
		if !foundations {
			break
		}
		for _, id := range needed {
			if known[id] {
				continue
			}
			known[id] = true
			p, err := policies.Policy(ctx, items[0].TenantID, id)
			if errors.Is(err, run.ErrNotFound) {
				continue // no sync has seen such an object; the version tells of it
			}
			if err != nil {
				return nil, fmt.Errorf("read policy: %w", err)
			}
			chosen = append(chosen, p)
		}
	}
	return items, nil
}

// hold makes items of policies with their latest versions, in the same order, and
// lists what those need.
func hold(ctx context.Context, policies run.Policies, setID string, chosen []run.Policy, foundation bool, at time.Time) (items []run.BackupItem, needed []string, err error) {
	items = make([]run.BackupItem, len(chosen))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readParallel)
	var mu sync.Mutex
	for n, p := range chosen {
		group.Go(func() error {
			i := run.NewItem(setID, "", p, at)
			i.Foundation, i.State, i.Code = foundation, run.ItemMissing, string(reason.NeverCaptured)
			if p.LatestVersion > 0 {
				v, err := policies.Version(groupCtx, p.TenantID, p.ID, p.LatestVersion)
				if err != nil {
					return fmt.Errorf("read version: %w", err)
				}
				i = i.Hold(v)
				i.Code, i.CapturedAt = "", &v.CapturedAt
				if len(v.Notes) > 0 {
					i.Code, i.Params = v.Notes[0].Code, v.Notes[0].Params
				}
				mu.Lock()
				needed = append(needed, v.Refers...)
				mu.Unlock()
			}
			items[n] = i
			return nil
		})
	}
	err = group.Wait()
	slices.Sort(needed)
	return items, needed, err
}
