package main

// Tests that kill. The in-memory store and the DynamoDB store keep the same
// contract, so a breakage of either is noticed by the same conformance suite.
var (
	conformance = []string{"-run", "^TestConformance$/^dynamodb-local$", "./shared/dynamostore"}
	setRules    = []string{"-run", "^TestConformance$/^dynamodb-local$/^(BackupSets|Schedules|Drifts)$", "./shared/dynamostore"}
	sumRules    = []string{"-run", "^TestConformance$/^dynamodb-local$/^Summaries$", "./shared/dynamostore"}
	startRules  = []string{"-run", "^TestConformance$/^dynamodb-local$/^Runs$/^start", "./shared/dynamostore"}
	tenantRules = []string{"-run", "^TestConformance$/^dynamodb-local$/^Tenants$", "./shared/dynamostore"}
	faultRules  = []string{"-run", "^TestConformance$/^dynamodb-local$/^FaultsWithoutSDKRetries$", "./shared/dynamostore"}
	memory      = []string{"./shared/run/memstore"}
	engine      = []string{"./shared/engine"}
	sweeper     = []string{"./shared/sweeper", "./shared/engine"}
	notifier    = []string{"./shared/notifier", "./shared/sweeper"}
	starts      = []string{"./shared/httpapi", "./shared/start"}
	rates       = []string{"./shared/ratelimit", "./shared/run/memstore", "./shared/operation"}
	vault       = []string{"./shared/kmsvault"}
	operations  = []string{"./shared/operation"}
	catalogue   = []string{"./shared/catalog"}
	report      = []string{"./shared/httpapi"}
	api         = []string{"./shared/httpapi"}
	schedules   = []string{"./shared/schedule"}
	follow      = []string{"./shared/followup"}
	restores    = []string{"./tests/restore"}
)

const (
	storeStart    = "shared/dynamostore/start.go"
	storeRuns     = "shared/dynamostore/runs.go"
	storeSets     = "shared/dynamostore/sets.go"
	storeSched    = "shared/dynamostore/schedules.go"
	storeDrift    = "shared/dynamostore/drift.go"
	storeSum      = "shared/dynamostore/summaries.go"
	summaryGo     = "shared/summary/summary.go"
	needsGo       = "shared/summary/needs.go"
	overviewGo    = "shared/httpapi/overview.go"
	storeTen      = "shared/dynamostore/tenants.go"
	memstore      = "shared/run/memstore/memstore.go"
	engineGo      = "shared/engine/engine.go"
	sweeperGo     = "shared/sweeper/sweeper.go"
	notifierGo    = "shared/notifier/notifier.go"
	limiterGo     = "shared/ratelimit/ratelimit.go"
	vaultGo       = "shared/kmsvault/kmsvault.go"
	captureGo     = "shared/operation/capture.go"
	setGo         = "shared/operation/backupset.go"
	driftGo       = "shared/operation/drift.go"
	firerGo       = "shared/schedule/schedule.go"
	followGo      = "shared/followup/followup.go"
	syncGo        = "shared/operation/inventory.go"
	namesGo       = "shared/operation/names.go"
	normalGo      = "shared/catalog/normal.go"
	pathGo        = "shared/catalog/path.go"
	creationGo    = "shared/catalog/creation.go"
	updateGo      = "shared/catalog/update.go"
	reportGo      = "shared/httpapi/policytypes.go"
	keysGo        = "shared/kmsvault/tenantkeys.go"
	previewGo     = "shared/operation/preview.go"
	executeGo     = "shared/operation/execute.go"
	executeUpdate = "shared/operation/execute_update.go"
	executeCreate = "shared/operation/execute_create.go"
	executeSteps  = "shared/operation/execute_steps.go"
	executeResume = "shared/operation/execute_resume.go"
	liveGo        = "shared/operation/live.go"
	planGo        = "shared/restore/plan.go"
	restoresGo    = "shared/httpapi/restores.go"
)

var mutants = []mutant{
	// The lock.
	{"no lock condition", storeStart, "\tlock.when(\"attribute_not_exists(%s)\", lock.name(attrActiveRunID))\n", "", conformance},
	{"lock not freed", storeRuns, "\tlock.setText(attrLastRunID, r.ID)\n\tlock.remove(attrActiveRunID)\n", "\tlock.setText(attrLastRunID, r.ID)\n", conformance},
	{"no check of the role at the start", storeStart, "\tmember.whenIn(attrRole, texts(run.RolesIncluding(need)))\n", "\tmember.whenPresent()\n", conformance},
	{"no check of the tenant at the start", storeStart, "\ttenant.whenNot(attrDisabled)\n", "\ttenant.whenPresent()\n", conformance},

	// The fence. Epoch and sequence guard each other, so they are broken together.
	{"neither epoch nor sequence checked", storeRuns, "\te.whenNumber(attrEpoch, f.Epoch)\n\te.whenNumber(attrSeq, int64(f.Seq))\n\te.when(\"attribute_exists(%s)\", e.name(attrOwner))\n", "\te.when(\"attribute_exists(%s)\", e.name(attrOwner))\n", conformance},
	{"a worker writes after it gave the run back", storeRuns, "\te.when(\"attribute_exists(%s)\", e.name(attrOwner))\n}\n", "}\n", conformance},
	{"claim ignores the lease", storeRuns, "\tfree.when(\"attribute_not_exists(%s)\", free.name(attrOwner))\n", "", conformance},
	{"claim before the time", storeRuns, "\t\te.when(\"(attribute_not_exists(%[1]s) OR %[1]s <= %[2]s)\", e.name(attrNotBefore), e.text(stamp(now)))\n", "", conformance},
	{"claim of an ended run", storeRuns, "\tclaim := func(e *expression) (run.Run, error) {\n\t\te.whenIn(attrStatus, openStatuses)\n", "\tclaim := func(e *expression) (run.Run, error) {\n", conformance},

	// Backup sets.
	{"a failure takes a version out of a set", storeSets, "\tif !i.State.Held() {\n", "\tif false {\n", setRules},
	{"a failure takes a version out of a set in memory", "shared/run/memstore/sets.go", "\t\tif in && have.State.Held() && !i.State.Held() {\n", "\t\tif false {\n", memory},
	{"a settled item forgets why it is there", storeSets, "attrAddedAt, attrFoundation, attrWriteToken); err", "attrAddedAt, attrWriteToken); err", setRules},
	{"a policy is in a set as it was added last", storeSets, "\tabsent := newExpression()\n\tabsent.whenAbsent()\n\terr = s.put(ctx, \"add backup item\"", "\tabsent := newExpression()\n\terr = s.put(ctx, \"add backup item\"", setRules},
	{"an own item was there before", storeSets, "\t\tthere = before.WriteToken != token\n", "\t\tthere = before.PK != \"\"\n", faultRules},
	{"a set is deleted under a run", storeSets, "\te.whenNumber(attrUses, b.Uses)\n\te.setText(attrName", "\te.setText(attrName", setRules},
	{"a run that begins is counted away", storeSets, "\te.whenNumber(attrUses, b.Uses)\n\te.set(attrTally", "\te.whenPresent()\n\te.set(attrTally", setRules},
	{"a run uses a deleted set", storeStart, "\tset.whenThere(attrDeletedAt, false)\n", "", startRules},
	{"any number of runs use a set", storeStart, "\tset.when(\"(attribute_not_exists(%[1]s) OR size(%[1]s) < %[2]s)\", set.name(attrActiveRuns), set.number(run.MaxActiveRuns))\n", "", startRules},
	{"a set that is there is made anew", storeStart, "\t\tsetPut, err := s.txPut(newBackupSetItem(set), absent)\n", "\t\tsetPut, err := s.txPut(newBackupSetItem(set), newExpression())\n", startRules},
	{"a key makes two sets", storeStart, "\tfree.when(\"(attribute_not_exists(%s) OR %s <= %s)\", free.name(attrPK), free.name(attrReplayUntil), free.text(stamp(at)))\n", "\t_ = at\n", setRules},
	{"a count whose answer was lost conflicts with itself", storeSets, "\t\tif stored.WriteToken != token {\n", "\t\tif stored.WriteToken != \"\" {\n", faultRules},

	{"a creation whose answer was lost conflicts with itself", storeSets, "\tcase v.Set != nil && v.Set.CreatedAt.Equal(b.CreatedAt) && v.Set.CreatedBy == b.CreatedBy:\n\t\treturn v.Set, nil // this call, its answer was lost\n", "", faultRules},
	{"many starts at once give up", "shared/dynamostore/store.go", "\tmaxContended = 16\n", "\tmaxContended = 8\n", []string{"-run", "^TestContention$", "./shared/dynamostore"}},

	// Schedules, drift and the connection.
	{"a paused schedule starts a run", storeStart, "\tschedule.whenNot(attrPaused)\n", "", startRules},
	{"a removed schedule starts a run", storeStart, "\tschedule.whenNot(attrRemoved)\n", "", startRules},
	{"a removed schedule is listed", "shared/dynamostore/queries.go", "\t\tfilter: func(e *expression) { e.whenNot(attrRemoved) },\n", "", setRules},
	{"a schedule of an old revision is taken for told", storeSched, "\te.whenNumber(attrRev, rev)\n\te.whenNot(attrRemoved)\n", "\t_ = rev\n\te.whenNot(attrRemoved)\n", setRules},
	{"a removed schedule stays", storeSched, "\tif err != nil || !gone {\n", "\tif err != nil || gone {\n", setRules},
	{"a deletion whose answer was lost is an error", storeSched, "\t\treturn nil // deleted by a sending before\n", "\t\treturn run.ErrConflict\n", faultRules},
	{"a change of a schedule is not told", storeSched, "newScheduleItem(schedule), attrApplied); err", "newScheduleItem(schedule), attrApplied, attrOpenShard, attrRunKey); err", setRules},
	{"a firing is stored twice", storeSched, "\te := newExpression()\n\te.whenAbsent()\n\terr := s.put(ctx, \"put firing\"", "\te := newExpression()\n\terr := s.put(ctx, \"put firing\"", setRules},
	{"a repeat of PutDrift unmarks", storeDrift, "\te := newExpression()\n\te.whenAbsent()\n\treturn s.put(ctx, \"put drift\"", "\te := newExpression()\n\treturn s.put(ctx, \"put drift\"", setRules},
	{"a second mark of drift stands", storeDrift, "\te.whenThere(attrSeenAt, false)\n", "", setRules},
	{"who is no member is told", storeDrift, "return !members[sub.UserID] }", "return !members[sub.UserID] && false }", setRules},
	{"an old run says what the connection is", storeTen, "\te.when(\"(attribute_not_exists(%[1]s) OR %[1]s < %[2]s)\", e.name(attrConnectionAt), e.text(stamp(at)))\n", "", tenantRules},
	{"a new credential leaves the fault", storeTen, "\t\te.remove(attrConnection)\n\t\te.setOptional(", "\t\te.setOptional(", tenantRules},

	// Rescue.
	{"rescue without the epoch as read", storeRuns, "\te.whenIn(attrStatus, openStatuses)\n\te.whenNumber(attrEpoch, f.Epoch)\n\te.whenNumber(attrSeq, int64(f.Seq))\n\te.whenNumber(attrDispatchSeq, int64(seen.DispatchSeq))\n", "\te.whenIn(attrStatus, openStatuses)\n", conformance},
	{"rescue raises no epoch", storeRuns, "\te.add(attrEpoch, 1)\n\te.add(attrDispatchSeq, 1)\n\te.add(attrRescues, 1)\n", "\te.add(attrDispatchSeq, 1)\n\te.add(attrRescues, 1)\n", conformance},
	{"rescue of a worker that lives", storeRuns, "\t\te.when(\"%s <= %s\", e.name(attrLeaseUntil), e.text(stamp(now)))\n\t\te.add(attrCrashes, 1)\n", "\t\te.add(attrCrashes, 1)\n", conformance},
	{"rescue of an ended run (riverqueue/river#1302)", storeRuns, "\te := newExpression()\n\te.whenIn(attrStatus, openStatuses)\n\te.whenNumber(attrEpoch, f.Epoch)\n", "\te := newExpression()\n\te.whenNumber(attrEpoch, f.Epoch)\n", conformance},

	// Outcomes and counts.
	{"counts without the outcomes", storeRuns, "\titems := []types.TransactWriteItem{{}, chunkPut}\n", "\tchunkPut.Put.Item[attrSK] = &types.AttributeValueMemberS{Value: \"elsewhere\"}\n\titems := []types.TransactWriteItem{{}, chunkPut}\n", conformance},
	{"outcomes apart from the counts", memstore, "\treturn s.fencedWrite(ctx, \"CommitSlice\", f, func(r *run.Run) error {\n", "\ts.chunks[key] = append(s.chunks[key], run.Chunk{Seq: f.Seq + 1, Epoch: f.Epoch, Outcomes: slices.Clone(c.Outcomes)})\n\treturn s.fencedWrite(ctx, \"CommitSlice\", f, func(r *run.Run) error {\n", memory},
	{"the rest has no outcome", storeRuns, "\treturn []types.TransactWriteItem{put}, nil\n}\n", "\t_ = put\n\treturn nil, nil\n}\n", conformance},
	{"an unknown outcome counts as skipped", "shared/run/run.go", "\tif r.Unknown.Has(i) {\n", "\tif false {\n", memory},
	{"end of a run that a worker holds", storeRuns, "\tif end.Unheld {\n", "\tif false {\n", conformance},

	// The engine.
	{"no probe", engineGo, "\tif uncertain {\n", "\tif false {\n", engine},
	{"what was begun beside a stop is forgotten", engineGo, "Unsettled: w.run.Intent >> len(outcomes), ", "", engine},
	{"given back without a message", engineGo, "\tif err := w.Queue.Send(ctx, r.Operation, r.Dispatch(), delay); err != nil {\n\t\treturn fmt.Errorf(\"send continuation: %w\", err)\n\t}\n", "\t_ = delay\n", engine},
	{"a message before its time is dropped", engineGo, "\tif d.DispatchSeq != r.DispatchSeq {\n", "\tif true {\n", engine},
	{"a stale message before its time is sent on", engineGo, "\tif d.DispatchSeq != r.DispatchSeq {\n", "\tif false {\n", engine},
	{"the lease is not renewed", engineGo, "\theart.Go(func() { w.keepLease(ctx, stop, fence, intent) })\n", "\t_, _ = fence, intent\n", engine},
	{"the deadline holds nobody", engineGo, "\tctx, cancel := context.WithTimeoutCause(ctx, w.run.DeadlineAt.Sub(w.Now()), errDeadline)\n", "\tctx, cancel := context.WithCancel(ctx)\n", engine},
	{"the worker does not stop before it is stopped", engineGo, "\t\tctx, cancel = context.WithTimeoutCause(ctx, time.Until(deadline)-w.limits.Reserve, errMustStop)\n", "\t\tctx, cancel = context.WithCancel(ctx)\n\t\t_ = deadline\n", engine},
	{"cancel is seen nowhere", "shared/run/memstore/memstore.go", "\t\tr.CancelAt, r.CanceledBy = &c.At, c.By\n", "\t\tr.CanceledBy = c.By\n", engine},
	{"cancel while given back waits", engineGo, "\tif r.CancelAt != nil {\n\t\tw.run = r // nobody", "\tif false {\n\t\tw.run = r // nobody", engine},
	{"permission is checked at the claim alone", engineGo, "\t\tif n > 0 && w.run.Operation.WritesTenant() {\n", "\t\tif false {\n", engine},
	{"permission is not checked at all", engineGo, "\tif !m.Role.Includes(need) {\n", "\tif false {\n", engine},
	{"a scheduled run keeps its worker", engineGo, "\tif w.run.Scheduled {\n", "\tif false {\n", engine},
	{"crashes end no run", "shared/run/run.go", "\tif r.Crashes <= MaxCrashes && r.Attempts <= MaxAttempts {\n", "\tif r.Attempts <= MaxAttempts {\n", sweeper},
	{"a panicked write is called failed", engineGo, "\t\t\tif w.run.Operation.WritesTenant() { // it may", "\t\t\tif false { // it may", engine},
	{"a failed write loses the run", engineGo, "\tr, err := w.Runs.BeginSlice(ctx, w.run.Fence(), run.FirstItems(len(items)), w.Now(), w.Now().Add(w.limits.Lease))\n", "\tr, err := w.Runs.BeginSlice(ctx, w.run.Fence(), run.FirstItems(len(items)), w.Now(), w.Now().Add(w.limits.Lease))\n\tw.run = r\n", engine},
	{"a panic takes the worker with it", engineGo, "\t\tif p := recover(); p != nil {\n", "\t\tif p := any(nil); p != nil {\n", engine},

	// The sweeper.
	{"no rescue", sweeperGo, "\treturn rescued, run.Failure{}\n", "\treturn nothing, run.Failure{}\n", sweeper},
	{"only the first page is swept", sweeperGo, "\t\t\t\tif cursor = page.Next; cursor == \"\" {\n", "\t\t\t\tif cursor = page.Next; true {\n", sweeper},
	{"one bad run ends the sweep", sweeperGo, "\tif err != nil {\n\t\treturn nothing, fmt.Errorf(\"read: %w\", err)\n\t}\n", "\tif err != nil {\n\t\tpanic(err)\n\t}\n", sweeper},
	{"a run forgets what it waited for", "shared/run/run.go", "\tif r.WaitedFor != nil {\n\t\treturn *r.WaitedFor\n\t}\n", "", sweeper},
	{"progress leaves what was waited for", storeRuns, "\te.remove(attrWaitedFor)\n", "", conformance},
	{"the deadline is not swept", sweeperGo, "\tif !now.Before(r.DeadlineAt) {\n\t\treturn ended", "\tif false {\n\t\treturn ended", sweeper},
	{"a living worker is swept", sweeperGo, "\tif r.Owner != \"\" && now.Before(r.LeaseUntil.Add(grace)) {\n", "\tif false {\n", sweeper},
	{"a waiting run is woken", sweeperGo, "\tfor _, t := range []time.Time{r.NotBefore, r.LeaseUntil} {\n", "\tfor _, t := range []time.Time{r.LeaseUntil} {\n", sweeper},
	{"a canceled run of a dead worker goes on", sweeperGo, "\tif r.CancelAt != nil {\n", "\tif false {\n", sweeper},
	{"ends that the stream missed stay untold", sweeperGo, "\t\treturn notified, run.Failure{}\n", "\t\treturn nothing, run.Failure{}\n", sweeper},
	{"a dead letter leaves no cause", "shared/sweeper/deadletter.go", "\terr := s.Runs.NoteFault(ctx, d.TenantID, d.RunID, run.Failure{Code: \"internal\"})\n", "\t_, err := s.Runs.Run(ctx, d.TenantID, d.RunID)\n", sweeper},

	// The notifier.
	{"a notification without a deterministic key", notifierGo, "At: EndedAt(now), TenantID", "At: time.Now(), TenantID", notifier},
	{"the end is not confirmed", notifierGo, "\treturn n.confirm(ctx, now)\n", "\treturn nil\n", notifier},
	{"what expired in the stream stays untold", notifierGo, "\tcase EndedAt(now).Sub(now.CreatedAt) > streamKeeps:\n", "\tcase false:\n", notifier},
	{"the end of a schedule's run is left to the sweep", notifierGo, "\tcase !now.Status.Terminal(), old != nil", "\tcase !ok, old != nil", notifier},
	{"every change notifies", notifierGo, "\tif old != nil && old.Status == now.Status {\n", "\tif false {\n", notifier},

	// The start.
	{"an undispatched run stays", "shared/start/start.go", "\tended, endErr := s.Runs.End(ctx, r.Fence(), r.Stop(run.Failure{Code: \"dispatch_failed\"}, s.Now().UTC()))\n", "\tended, endErr := r, error(nil)\n", starts},
	{"another payload reuses the run", "shared/start/start.go", "\tif l.PayloadHash == payloadHash {\n", "\tif true {\n", starts},

	// The shared limits.
	{"a block stops nobody else", "shared/run/rate.go", "\tif s.BlockedUntil.After(r.Now) {\n", "\tif false {\n", rates},
	{"a worker forgets its own block", limiterGo, "\t\tl.blocked[service] = until\n", "", rates},
	{"others learn of no block", limiterGo, "\tif !ask {\n", "\tif ask || !ask {\n", rates},
	{"a budget without an end", "shared/run/rate.go", "\ttokens := max(0, min(r.Want, int(r.Latest(0).Sub(from)/each)))\n", "\ttokens := r.Want\n", rates},
	{"scheduled runs leave nothing", limiterGo, "\t\t\tb.reserve = q.reserve()\n", "", rates},

	// The vault.
	{"a key for any tenant", vaultGo, "\treturn map[string]string{\"tenant\": tenantID}\n", "\t_ = tenantID\n\treturn nil\n", vault},
	{"an object opens under any name", vaultGo, "return []byte(key) }\n", "return []byte(key[:0]) }\n", vault},
	{"a taken name is sealed anew", vaultGo, "ContentLength: &size, IfNoneMatch: &absent,\n", "ContentLength: &size, CacheControl: &absent,\n", vault},
	{"a refused seal counts as done", vaultGo, "\t\tcase !hasCode(err, \"ConditionalRequestConflict\") || n == maxConflicts:\n\t\t\treturn redact(\"seal: store\", err)\n", "\t\tcase !hasCode(err, \"ConditionalRequestConflict\") || n == maxConflicts:\n\t\t\treturn nil\n", vault},
	{"keys are not wiped", vaultGo, "\tdefer clear(made.Plaintext)\n", "", vault},
	{"an unreadable answer is shown", vaultGo, "\treturn fmt.Errorf(\"%s: no usable answer\", what)\n", "\treturn fmt.Errorf(\"%s: %w\", what, err)\n", vault},
	{"what KMS says is shown", vaultGo, "\t\treturn fmt.Errorf(\"%s: %s\", what, api.ErrorCode())\n", "\t\treturn fmt.Errorf(\"%s: %w\", what, api)\n", vault},
	{"tenants share a fingerprint", vaultGo, "Message: []byte(fingerprintLabel + tenantID),\n", "Message: []byte(fingerprintLabel + tenantID[:0]),\n", vault},
	{"a fingerprint without a key", vaultGo, "\tmac := hmac.New(sha256.New, key[:])\n", "\tmac := sha256.New()\n\t_ = hmac.New\n", vault},
	{"any size is sealed", vaultGo, "\tcase values.Size() > run.MaxSealedSize:\n", "\tcase false:\n", vault},
	{"the length of a secret shows", "shared/kmsvault/envelope.go", "\tsize = (size + padTo - 1) / padTo * padTo\n", "", vault},
	{"a key is kept for good", keysGo, "\t\tif !now.Before(kept.until) {\n", "\t\tif now.IsZero() && kept == nil {\n", vault},
	{"keys of all tenants are kept", keysGo, "\tfor len(k.kept) >= k.most {\n", "\tfor false {\n", vault},
	{"each asks KMS", keysGo, "make(chan struct{}, 1)", "make(chan struct{}, 100)", vault},
	{"the vault is printed", vaultGo, "func (*Vault) Format(", "func (*Vault) format(", vault},
	{"values are printed", "shared/run/store.go", "func (SecretValues) Format(", "func (SecretValues) format(", vault},
	{"values are in JSON", "shared/run/store.go", "func (SecretValues) MarshalText(", "func (SecretValues) marshalText(", vault},

	// The capture.
	{"a part that is null is empty", captureGo, "\tif raw == nil || string(raw) == \"null\" {", "\tif raw == nil {", operations},
	{"a part within the object ends with its first page", captureGo, "\tif more {\n", "\tif false && more {\n", operations},
	{"one failed read of many is left out", captureGo, "\tif err := group.Wait(); err != nil {\n\t\treturn nil, err\n\t}\n\tb := bytes", "\t_ = group.Wait()\n\tb := bytes", operations},
	{"a policy of any size", captureGo, "doc.size > MaxPayloadBytes {", "doc.size < 0 {", operations},
	{"the derived type is not written", captureGo, "\t\t\traw = withType(raw, t.ODataType)\n", "", operations},
	{"a missing part is complete", captureGo, "\tif d.missing == nil {\n\t\td.missing = &f\n\t}\n", "", operations},
	{"a repeated capture takes what is incomplete", captureGo, "\t\t\tif !doc.complete() {\n", "\t\t\tif true {\n", operations},
	{"a repeated capture says what it read", captureGo, "\t\t\tif latest.Complete {\n", "\t\t\tif false {\n", operations},
	{"the version before its secrets", captureGo, "\t\t\tif len(doc.secrets) > 0 {\n", "\t\t\tif len(doc.secrets) > 0 && latest.Number > 0 {\n", operations},
	{"a refused seal is passed over", captureGo, "\t\t\t\tif err != nil {\n\t\t\t\t\treturn snapshot{}, fmt.Errorf(\"seal secrets: %w\", err)\n\t\t\t\t}\n", "", operations},
	{"too many secrets are a fault of ours", captureGo, "\t\t\t\tif errors.Is(err, run.ErrTooLarge) {\n\t\t\t\t\treturn snapshot{}, tooLarge(doc.secrets.Size())\n\t\t\t\t}\n", "", operations},
	{"a mask is taken for a secret", captureGo, "answer.Value == nil || t.IsPlaceholder(*answer.Value))", "answer.Value == nil)", operations},
	{"a secret in the payload", captureGo, "*answer.Value, digest\n", "*answer.Value, digest+*answer.Value\n", operations},
	{"a changed secret changes nothing", captureGo, "doc.digests[s.Place] = *answer.Value, digest\n", "doc.digests[s.Place] = *answer.Value, digest[:0]\n", operations},

	// The sync.
	{"an unknown kind is a policy", syncGo, "\tif !ok {\n\t\treturn run.Policy{ID: policyID}, unsupported, nil\n\t}\n", "\t_ = ok\n", operations},
	{"what became of an unknown kind is gone", syncGo, " || l.unsupported[id] || ", " || ", operations},
	{"the service's own objects are policies", syncGo, "\tif src.Hidden(object) {\n", "\tif false {\n", operations},
	{"a list of parents that broke off is believed", syncGo, "\tfor i := 0; err == nil && i < len(parents); i++ {\n", "\terr = nil\n\tfor i := 0; err == nil && i < len(parents); i++ {\n", operations},
	{"a list below a parent that broke off is believed", syncGo, "url.PathEscape(parents[i])), t.ListQuery, add(parents[i]))\n\t}\n", "url.PathEscape(parents[i])), t.ListQuery, add(parents[i]))\n\t}\n\terr = nil\n", operations},
	{"only the first type of a list is recorded", syncGo, "\tfor _, t := range l.source.Types {\n\t\terr :=", "\tfor _, t := range l.source.Types[:1] {\n\t\terr :=", operations},
	{"a policy keeps the type it had", syncGo, "now.ListingHash, now.Type\n\treturn want", "now.ListingHash, have.Type\n\treturn want", operations},
	{"a policy keeps the type of an old release", syncGo, "\tcase have.Type != now.Type:\n", "\tcase false:\n", operations},
	{"what cannot be looked for is gone", syncGo, "!= string(reason.NotFoundInTenant) {\n\t\t\t\treturn nil, err\n", "!= string(reason.NotFoundInTenant) && item == nil {\n\t\t\t\treturn nil, err\n", operations},

	// References.
	{"groups that were not read are missing", namesGo, "r.Missing = !ok && unnamed == nil", "r.Missing = !ok", operations},

	// The catalogue's mechanics.
	{"digests are shown", normalGo, "Cut(payload, MemberSecrets)", "Cut(payload, memberSchema)", catalogue},
	{"a type in a path is cut in two", pathGo, "\tif rest, is := strings.CutPrefix(path, odataType); is &&", "\tif rest, is := strings.CutPrefix(path, odataType); false && is &&", catalogue},
	{"an assignment without one of its groups", creationGo, "\tif !unassignable && !t", "\tif !t", catalogue},
	{"what was added stays", updateGo, "\tc.clear()\n", "", catalogue},
	{"an update assigns some of the groups", updateGo, "if unassignable || t.Assign.OnRequest {", "if t.Assign.OnRequest {", catalogue},
	{"another kind of object is written over", updateGo, "\tif len(members) > 0 {\n", "\tif false {\n", catalogue},
	{"an equal script runs again", updateGo, "range t.onChange() {", "range t.onChange()[:0] {", catalogue},
	{"another secret is no change", updateGo, "return c.secretsDiffer || len", "return len", catalogue},
	{"what the service made is updated", updateGo, "|| c.builtIn && !t.BuiltIn.Writable", "", catalogue},
	{"an access policy is switched on", "shared/catalog/hooks_access.go", "\t\tif spelling(c.live.Object()[\"state\"]) != spelling(object[\"state\"]) {\n", "\t\tif false {\n", catalogue},
	{"a removed control survives", "shared/catalog/hooks_access.go", "\tempty(c.body, live)\n", "", catalogue},
	{"what was learned is filled again", creationGo, "names.Replace(s.Path), names", "names.Replace(names.Replace(s.Path)), names", catalogue},

	// What a version can restore.
	{"a version without a part is as good", reportGo, "\t\t\tif out.Level == string(catalog.Full) {\n", "\t\t\tif false {\n", report},
	{"a lack makes every type one for previews", reportGo, "\t\t\tif out.Level == string(catalog.Full) {\n", "\t\t\tif true {\n", report},
	{"assignments that were not read are restored", reportGo, "\t\t\tout.Assignments = false\n", "", report},
	{"types that are only kept restore assignments", reportGo, " && t.Restorability.Level != catalog.CaptureOnly\n", "\n", report},

	{"an unreadable secret lacks nothing", captureGo, "\t\t\tdoc.lacks(item.failure, string(reason.UnreadablePart), s.Name)\n", "", operations},
	{"fewer settings than there are", captureGo, "int64(count) < n {\n", "int64(count) < 0*n {\n", operations},
	{"each group is asked for again", namesGo, "\t\t\t\tc.Names.put(nameKey{c.tenant.ID, catalog.TypeGroup, id}, r, now)\n", "", operations},
	{"what is not listed is gone at once", syncGo, "\t\tif p.VanishedAt == nil && checked < verifyVanished {\n", "\t\tif p.VanishedAt == nil && checked < 0 {\n", operations},
	{"all of a source vanishes with one type", syncGo, "|| !types[p.Type] {\n", "{\n", operations},
	{"what stands for secrets is shown", "shared/httpapi/policies.go", "\t\t\tif content, err = catalog.Public(content); err != nil {\n", "\t\t\tif err != nil {\n", []string{"./shared/httpapi"}},
	// Backup sets, schedules and drift.
	{"a long list loses its lease", engineGo, "\theart.Go(func() { w.keepLease(ctx, stop, fence, 0) })\n", "\t_ = fence\n", engine},
	{"a removed schedule's run goes on", engineGo, "\t\tif errors.Is(err, run.ErrNotFound) {\n\t\t\treturn &run.Failure{Code: \"schedule_removed\"}, nil\n\t\t}\n", "", engine},
	{"a type that was not listed is not said", setGo, "failed = append(failed, item)", "_ = item", operations},
	{"the policies are chosen before the tenant is listed", setGo, "\tif in.Refresh {", "\tif false {", operations},
	{"a deleted set is filled", setGo, "err == nil && set.DeletedAt != nil", "false", operations},
	{"what a policy needs is left out", setGo, "\tif in.Foundations && got.version.Number > 0 {", "\tif false {", operations},
	{"what a foundation needs is left out", setGo, "\t\tneeded = append(needed, more...)\n", "\t\t_ = more\n", operations},
	{"a missing foundation is not said", setGo, "\t\tif lacking != \"\" && o.Status", "\t\tif false && o.Status", operations},
	{"a policy without its version stands for captured", setGo, "o.Failure, run.ItemMissing", "o.Failure, run.ItemCaptured", operations},
	{"a part that was not read is drift", driftGo, "\t\tif c.Kind == diff.Unreadable {\n\t\t\tresult.Total--\n\t\t\tcontinue\n\t\t}\n", "", operations},
	{"the first backup is all drift", driftGo, "|| !base.exists || got", "|| got", operations},
	{"a policy that vanished is no drift", driftGo, "i.State.Held() && p.VanishedAt != nil", "i.State.Held() && p.VanishedAt == nil", operations},
	{"a late firing starts a run", firerGo, "now.Sub(due) > MaxLate", "false", schedules},
	{"a firing forgets that it started", firerGo, "\t\tIdempotencyKey: due.UTC().Format(time.RFC3339),\n", "", schedules},
	{"every night is a run of its own", firerGo, "\t\treq.Scope = s.ID // one run of a schedule at a time\n", "\t\treq.Scope = s.ID + due.String()\n", schedules},
	{"a lost connection pauses nothing", "shared/run/schedule.go", "\tcase t.Connection != nil:\n\t\treturn t.Connection.Code\n", "", schedules},
	{"a set is not counted at the end of its run", followGo, "errors.Join(f.count(ctx, r), ", "errors.Join(", follow},
	{"who did not ask is told", followGo, "\t\tif drifted && s.Drift {", "\t\tif drifted {", follow},
	{"a double click makes two sets", "shared/httpapi/backupsets.go", "Operation: run.OpBackupSetCreate, Scope: scope,", "Operation: run.OpBackupSetCreate, Scope: set.ID,", api},
	{"a double click without a capture makes two sets", "shared/httpapi/backupsets.go", "\t\tkey, until = scope, now.Add(doubleClick)\n", "\t\tkey = set.ID\n", api},
	{"an outage ends the run at once", engineGo, "\tif !until.Before(w.run.DeadlineAt) {\n", "\tif true {\n", operations},
	{"a set in use is deleted", "shared/httpapi/backupsets.go", "\t\t\tif err := s.inUse(ctx, b); err != nil {\n\t\t\t\treturn err\n\t\t\t}\n", "", api},
	{"any name deletes a set", "shared/httpapi/backupsets.go", "strings.TrimSpace(in.Confirm) != b.Name", "false", api},
	{"policies of another tenant are chosen", "shared/httpapi/backupsets.go", "!slices.ContainsFunc(known, func(p run.Policy) bool { return p.ID == id })", "len(known) > 0 && id == \"\"", api},
	{"a comparison loses what one set has more of", "shared/backupset/compare.go", "\t\tcase later == nil || before != nil && before.PolicyID < later.PolicyID:", "\t\tcase later == nil:", api},

	// Plans and live restores.
	{"items of a phase are not waited for", engineGo, "if phased != nil && i > 0 &&", "if false && phased != nil &&", engine},
	{"what was written is not audited", engineGo, "\tc.Audit = w.run.WriteAudit(outcomes, now)\n", "", engine},
	{"a plan is applied twice", storeStart, "linkPut, err := s.txPut(newLinkItem(r.TenantID, n.LinkTo, run.RunLink{RunID: r.ID, Kind: n.LinkKind}), absent)", "linkPut, err := s.txPut(newLinkItem(r.TenantID, n.LinkTo, run.RunLink{RunID: r.ID, Kind: n.LinkKind}), newExpression())", startRules},
	{"the audit of a slice overwrites another's", "shared/dynamostore/keys.go", "\tcase part > 0:\n\t\tsk += \"#\" + strconv.Itoa(part)\n", "", conformance},
	{"a write is sent again after a 503", "shared/graph/retry.go", "\tcase reason.ActionLookFirst: // a write whose fate is not known is never repeated here\n\t\treturn 0,", "\tcase reason.ActionLookFirst:\n\t\tif c.again(ctx, f) {\n\t\t\treturn 0, nil\n\t\t}\n\t\treturn 0,", []string{"./shared/graph"}},
	{"an object that moved is overwritten", executeUpdate, "\tif known(live.hash) {\n\t\treturn true, nil\n\t}\n", "\tif known(live.hash) || true {\n\t\treturn true, nil\n\t}\n", restores},
	{"nothing is captured before a write", executeUpdate, "\tj.written.Before, j.written.BeforeHash, j.written.PolicyID = got.version.Number, live.hash, p.ID\n", "\tj.written.PolicyID = p.ID\n", restores},
	{"what is read back is not looked at", executeSteps, "\t\t\tif len(unlike) == 0 {\n", "\t\t\tif true {\n", restores},
	{"what was made is not remembered", executeCreate, "\t\tp.Successor = graphID\n", "", restores},
	{"a create does not look whether there is one", executeCreate, "\tif len(hits) > 0 {\n\t\treturn skipped", "\tif false {\n\t\treturn skipped", restores},
	{"the first of several is taken", liveGo, "case len(hits) > 1 || !only:", "case !only:", restores},
	{"a name is taken for an object although two have it", liveGo, "case len(hits) == 0 && only:", "case len(hits) == 0 || len(hits) > 1:", restores},
	{"everything is deleted that the plan deletes", executeGo, " || o.Planned.Action == run.PlanDelete && !in.Deletes {", " {", restores},
	{"what is left out is restored", executeGo, "\tif _, left := slices.BinarySearch(in.Except, o.Item.Key); left {\n\t\treturn false\n\t}\n", "", restores},
	{"what is not chosen is restored", executeGo, "return named || len(in.Items) == 0", "return named || true", restores},
	{"a re-run does all again", executeGo, "before.Status != run.OutcomeSucceeded)\n", "before.Status != \"\")\n", restores},
	{"what cannot be assigned is not said", executeUpdate, "\tif !kept {\n", "\tif true {\n", restores},
	{"what others made is taken for what a dead worker made", executeResume, "madeSince(now, twins(now, j.t, doc.Object()), x.run.CreatedAt)", "twins(now, j.t, doc.Object())", restores},
	{"an unresolved reference is written", executeUpdate, "\t\tif !u.Assignment {\n", "\t\tif false {\n", restores},
	{"an incomplete version is written back", planGo, "\tcase !v.Complete:\n\t\td.block(reason.VersionIncomplete, reason.FieldPart, missingPart(v))\n", "", []string{"./shared/restore"}},
	{"what Microsoft ended is written", planGo, "\tcase t.Restorability.Level != catalog.Full:\n\t\td.block(reason.CaptureOnly, reason.FieldReason, strings.TrimSuffix(t.Restorability.Reason, \".\"))\n", "", []string{"./shared/restore"}},
	{"past dates are sent", planGo, "\t\tif past := sentDates(t, captured, live, s.Now); len(past) > 0 {\n", "\t\tif past := sentDates(t, captured, live, s.Now); false {\n", []string{"./shared/restore"}},
	{"any name confirms a restore", restoresGo, "if name != strings.TrimSpace(t.Name) {", "if name == \"\" {", restores},
	{"a restore needs no reason", restoresGo, "if name == \"\" || why == \"\" {", "if name == \"\" {", restores},
	{"any plan is confirmed by any digest", restoresGo, "case !planReady(plan), plan.PlanDigest != in.Digest:", "case !planReady(plan):", restores},
	{"an old plan is applied", restoresGo, "\tcase !s.Now().Before(planUntil(plan)):\n\t\tp :=", "\tcase false:\n\t\tp :=", restores},
	{"two restores at once", restoresGo, "Operation: run.OpRestoreRerun, Lock: liveRestore,", "Operation: run.OpRestoreRerun,", restores},
	{"what a re-run did is not marked", followGo, ", f.supersede(ctx, r))", ")", restores},

	// Summaries and overviews.
	{"an earlier end replaces a later one", storeSum, "\te.when(\"(attribute_not_exists(%[1]s) OR %[1]s.%[2]s < %[3]s)\", e.name(attr), e.name(attrEndedKey), e.text(endedKey(r)))\n", "", sumRules},
	{"an old count stands", storeSum, "\t\te.whenNumber(attrRev, rev)\n", "\t\te.whenPresent()\n", sumRules},
	{"marked drift is counted on", storeDrift, "e), s.driftMarked(tenantID)}", "e)}", sumRules},
	{"a list shows tenants of others", storeSum, "\t\tif tenant == nil || member == nil {\n", "\t\tif tenant == nil {\n", sumRules},
	{"a stray run is active for ever", summaryGo, "\t\tif err := k.Store.NoteActive(ctx, have.TenantID, id, false); err != nil {\n", "\t\tif err != nil {\n", []string{"./shared/summary"}},
	{"a run that was made up for wants a person", needsGo, "\t\treturn later(run.OpRestoreRerun)\n", "\t\treturn false\n", api},
	{"the chips count what is shown alone", overviewGo, "\t\t\tif t.shown(show) {\n", "\t\t\tif t.shown(show) && t.shown(in.Show) {\n", api},
	{"an ended run is active", overviewGo, "errors.Is(err, run.ErrNotFound) || err == nil && r.Status.Terminal():\n\t\t\tn--", "errors.Is(err, run.ErrNotFound):\n\t\t\tn--", api},
	{"an earlier success makes up for a failure", "shared/dynamostore/runlists.go", "if id := succeeded[r.KeyHash]; id > r.ID {", "if id := succeeded[r.KeyHash]; id != \"\" {", conformance},
	{"runs of tenants that one left are listed", "shared/httpapi/runs.go", "if keep(r) && visible(r.TenantID) {", "if keep(r) && (visible(r.TenantID) || true) {", api},
	{"the rest of a run has no reasons", storeRuns, "\te.addReasons(end.Rest.Reasons(left))\n", "", conformance},
	{"what a re-run did is offered again", "shared/httpapi/runs.go", "open := r.Counts.Failed + r.Counts.Skipped - done; open > 0", "open := r.Counts.Failed + r.Counts.Skipped; open > 0", api},
	{"notes need no attention", "shared/run/store.go", "\t\t(!q.Attention || o.Status != OutcomeSucceeded || o.Code != \"\" && !slices.Contains(q.Quiet, o.Code)) &&\n", "\t\t(!q.Attention || o.Status != OutcomeSucceeded) &&\n", api},
	{"what was captured is captured as never captured", "shared/run/backup.go", "\t\t\ts.Never && p.LatestVersion > 0,\n", "", operations},
	{"a filter that another page saved is lost", "shared/dynamostore/filters.go", "\t\te.whenNumber(attrRev, rev)\n", "\t\te.whenPresent()\n", []string{"-run", "^TestConformance$/^dynamodb-local$/^SavedFilters$", "./shared/dynamostore"}},
	{"filters are saved in tenants of others", "shared/httpapi/filters.go", "\t_, err := s.member(ctx, tenantID, run.RoleViewer)\n\treturn err\n", "\treturn nil\n", api},
	{"a spreadsheet takes a name for a formula", "shared/httpapi/audit.go", "\t\t\tline[i] = cell(line[i])\n", "\t\t\t_ = cell(line[i])\n", api},
	{"drift that was found before is found since", "shared/dynamostore/queries.go", "\t\t\t\te.when(\"%s >= %s\", e.name(attrFoundAt), e.text(stamp(q.From)))\n", "\t\t\t\te.whenThere(attrFoundAt, true)\n", setRules},
}
