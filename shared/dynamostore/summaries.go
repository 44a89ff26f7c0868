package dynamostore

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"tenantatlas/shared/run"
)

var _ run.Summaries = (*Store)(nil)

// Summary implements run.Summaries.
func (s *Store) Summary(ctx context.Context, tenantID string) (run.Summary, error) {
	if !plain(tenantID) {
		return run.Summary{TenantID: tenantID}, nil
	}
	image, err := s.get(ctx, summaryKey(tenantID))
	if err != nil {
		return run.Summary{}, err
	}
	return decodeSummary(tenantID, image)
}

// summarized begins an update of the summary, which is made by its first.
func summarized(tenantID string) *expression {
	e := newExpression()
	e.setText(attrEntity, entitySummary)
	e.setText(attrTenantID, tenantID)
	return e
}

// activeSet is a set of one run.
func activeSet(runID string) types.AttributeValue {
	return &types.AttributeValueMemberSS{Value: []string{runID}}
}

// NoteActive implements run.Summaries. To enter twice and to take out twice change
// nothing, so a lost answer needs no evidence.
func (s *Store) NoteActive(ctx context.Context, tenantID, runID string, active bool) error {
	if !plain(tenantID, runID) {
		return errors.New("note active run: identifier cannot be stored")
	}
	e := summarized(tenantID)
	if active {
		e.adds = append(e.adds, e.name(attrActive)+" "+e.value(activeSet(runID)))
	} else {
		e.deletes = append(e.deletes, e.name(attrActive)+" "+e.value(activeSet(runID)))
	}
	_, err := s.update(ctx, "note active run", summaryKey(tenantID), e, func(context.Context, refusal) error {
		return errors.New("note active run: refused without a condition")
	})
	return err
}

// NoteEnded implements run.Summaries. Whatever refuses an end is that end or a later
// one.
func (s *Store) NoteEnded(ctx context.Context, r run.Run) error {
	if !plain(r.TenantID, r.ID, string(r.Operation)) {
		return errors.New("note ended run: identifier cannot be stored")
	}
	last, err := encodeValue(newLastRunItem(r.Brief()))
	if err != nil {
		return err
	}
	attr := lastPrefix + string(r.Operation)
	e := summarized(r.TenantID)
	e.when("(attribute_not_exists(%[1]s) OR %[1]s.%[2]s < %[3]s)", e.name(attr), e.name(attrEndedKey), e.text(endedKey(r)))
	e.set(attr, last)
	if r.Status == run.StatusSucceeded {
		e.setText(succeededPrefix+string(r.Operation), stamp(r.Ended()))
	}
	e.deletes = append(e.deletes, e.name(attrActive)+" "+e.value(activeSet(r.ID)))
	refused := false
	_, err = s.update(ctx, "note ended run", summaryKey(r.TenantID), e, func(context.Context, refusal) error {
		refused = true
		return nil
	})
	if err == nil && refused {
		err = s.noteEarlierEnd(ctx, r)
	}
	return err
}

// noteEarlierEnd enters an end that is not the last of its operation: it may still be
// the last that succeeded.
func (s *Store) noteEarlierEnd(ctx context.Context, r run.Run) error {
	if r.Status == run.StatusSucceeded {
		attr, ended := succeededPrefix+string(r.Operation), stamp(r.Ended())
		e := summarized(r.TenantID)
		e.when("(attribute_not_exists(%[1]s) OR %[1]s < %[2]s)", e.name(attr), e.text(ended))
		e.setText(attr, ended)
		if _, err := s.update(ctx, "note earlier end", summaryKey(r.TenantID), e, func(context.Context, refusal) error { return nil }); err != nil {
			return err
		}
	}
	return s.NoteActive(ctx, r.TenantID, r.ID, false)
}

// PutCounts implements run.Summaries. The token tells whether a later revision came
// of this call.
func (s *Store) PutCounts(ctx context.Context, tenantID string, rev int64, c run.SummaryCounts) error {
	if !plain(tenantID) {
		return errors.New("put counts: identifier cannot be stored")
	}
	token, err := contentToken("put counts", tenantID, rev, c)
	if err != nil {
		return err
	}
	e := summarized(tenantID)
	if rev == 0 {
		e.when("attribute_not_exists(%s)", e.name(attrRev))
	} else {
		e.whenNumber(attrRev, rev)
	}
	e.setNumber(attrRev, rev+1)
	e.setText(attrCountToken, token)
	parts := map[string]any{}
	if c.Inventory != nil {
		parts[attrInventory] = newInventoryItem(*c.Inventory)
	}
	if c.Backup != nil {
		parts[attrBackup] = newBackupSummaryItem(*c.Backup)
	}
	if c.Schedules != nil {
		parts[attrSchedules] = scheduleCountItem(*c.Schedules)
	}
	for attr, part := range parts {
		v, err := encodeValue(part)
		if err != nil {
			return err
		}
		e.set(attr, v)
	}
	if c.OpenDrift != nil {
		e.setNumber(attrOpenDrift, int64(*c.OpenDrift))
		e.set(attrDriftKnown, &types.AttributeValueMemberBOOL{Value: true})
	}
	_, err = s.update(ctx, "put counts", summaryKey(tenantID), e, func(_ context.Context, refused refusal) error {
		i, err := decode[summaryItem](refused.at(0).image)
		if err != nil {
			return err
		}
		if i.Rev == rev+1 && i.CountToken == token {
			return nil
		}
		return run.ErrConflict
	})
	return err
}

// driftMarked is what the mark of one drift does to the summary.
func (s *Store) driftMarked(tenantID string) types.TransactWriteItem {
	e := summarized(tenantID)
	// ADD makes what is not there.
	e.adds = append(e.adds, e.name(attrOpenDrift)+" "+e.number(-1), e.name(attrRev)+" "+e.number(1))
	return s.txUpdate(summaryKey(tenantID), e)
}

// MemberTenants implements run.Summaries.
func (s *Store) MemberTenants(ctx context.Context, userID string, tenantIDs []string) ([]run.MemberTenant, error) {
	if len(tenantIDs) > maxPage {
		return nil, errors.New("tenants of a member: too many at once")
	}
	var wanted []key
	for _, id := range tenantIDs {
		if plain(id, userID) {
			wanted = append(wanted, tenantKey(id), memberKey(id, userID), summaryKey(id))
		}
	}
	images := map[key]map[string]types.AttributeValue{}
	for part := range slices.Chunk(wanted, maxBatchGet) {
		found, err := s.batchGet(ctx, part)
		if err != nil {
			return nil, err
		}
		for _, image := range found {
			pk, err := textOf(image, attrPK)
			if err != nil {
				return nil, err
			}
			sk, err := textOf(image, attrSK)
			if err != nil {
				return nil, err
			}
			images[key{pk, sk}] = image
		}
	}
	out := make([]run.MemberTenant, 0, len(tenantIDs))
	for _, id := range tenantIDs {
		tenant, member := images[tenantKey(id)], images[memberKey(id, userID)]
		if tenant == nil || member == nil {
			continue
		}
		var m run.MemberTenant
		var err error
		if m.Tenant, err = decodeTenant(tenant); err != nil {
			return nil, err
		}
		if m.Member, err = decodeMember(member); err != nil {
			return nil, err
		}
		if m.Summary, err = decodeSummary(id, images[summaryKey(id)]); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
