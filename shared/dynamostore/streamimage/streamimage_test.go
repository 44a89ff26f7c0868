package streamimage_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"tenantatlas/shared/dynamostore/streamimage"
	"tenantatlas/shared/run"
)

// image is a run as the store writes it.
const image = `{"PK":{"S":"T#ten_01ARZ3NDEKTSV4RRFFQ69G5FAV#R#run_01ARZ3NDEKTSV4RRFFQ69G5FAV"},"SK":{"S":"RUN"},"entity":{"S":"Run"},
"id":{"S":"run_01ARZ3NDEKTSV4RRFFQ69G5FAV"},"tenantId":{"S":"ten_01ARZ3NDEKTSV4RRFFQ69G5FAV"},"operation":{"S":"inventory.sync"},
"target":{"M":{"kind":{"S":"tenant"},"name":{"S":"Contoso"}}},"initiatorId":{"S":"u"},"status":{"S":"STATUS"},"totals":{"M":{"new":{"N":"4"}}},
"total":{"N":"3"},"succeeded":{"N":"2"},"failed":{"N":"1"},"skipped":{"N":"0"},"createdAt":{"S":"2026-03-01T09:00:00.000000000Z"},
"planned":{"BOOL":true},"intent":{"N":"5"},"failure":{"M":{"code":{"S":"graph_forbidden"},"httpStatus":{"N":"403"}}}}`

func record(t testing.TB, before, after string) events.DynamoDBStreamRecord {
	t.Helper()
	var r events.DynamoDBStreamRecord
	for into, text := range map[*map[string]events.DynamoDBAttributeValue]string{&r.OldImage: before, &r.NewImage: after} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func status(s string) string { return strings.Replace(image, "STATUS", s, 1) }

func TestRuns(t *testing.T) {
	before, after, err := streamimage.Runs(record(t, status("running"), status("partial")))
	if err != nil {
		t.Fatal(err)
	}
	if before.Status != run.StatusRunning || after.Status != run.StatusPartial {
		t.Errorf("from %s to %s", before.Status, after.Status)
	}
	if after.Counts != (run.Counts{Total: 3, Succeeded: 2, Failed: 1}) || after.Totals["new"] != 4 || after.Failure.HTTPStatus != 403 || after.Target.Name != "Contoso" || !after.Planned || after.Intent != 5 {
		t.Errorf("run is %+v", after)
	}
	if after.Initiator != (run.Initiator{UserID: "u"}) {
		t.Errorf("initiator is %+v", after.Initiator)
	}
	scheduled := strings.Replace(status("queued"), `"initiatorId":{"S":"u"}`, `"initiatorId":{"S":"sch_1"},"initiatorName":{"S":"Nightly"},"scheduleId":{"S":"sch_1"}`, 1)
	_, after, err = streamimage.Runs(record(t, "", scheduled))
	if err != nil || after.Initiator != (run.Initiator{ScheduleID: "sch_1", Name: "Nightly"}) {
		t.Errorf("a run of a schedule: %+v, %v", after, err)
	}
	before, after, err = streamimage.Runs(record(t, "", status("queued")))
	if err != nil || before != nil || after == nil {
		t.Errorf("a new run: %v, %v, %v", before, after, err)
	}
	before, after, err = streamimage.Runs(record(t, status("failed"), ""))
	if err != nil || before == nil || after != nil {
		t.Errorf("a deleted run: %v, %v, %v", before, after, err)
	}
}

// What is no run is said so, without a panic.
func TestRunsRefuses(t *testing.T) {
	deep := strings.Repeat(`{"M":{"a":`, 60) + `{"S":"x"}` + strings.Repeat(`}}`, 60)
	for name, pair := range map[string][2]string{
		"nothing":         {"", ""},
		"another entity":  {"", strings.Replace(image, `"Run"`, `"Lock"`, 1)},
		"no initiator":    {"", strings.Replace(image, `"initiatorId":{"S":"u"},`, "", 1)},
		"no id":           {"", strings.Replace(image, `"id":{"S":"run_01ARZ3NDEKTSV4RRFFQ69G5FAV"},`, "", 1)},
		"two runs":        {status("running"), strings.Replace(image, `"id":{"S":"run_01A`, `"id":{"S":"run_01B`, 1)},
		"a wrong type":    {"", strings.Replace(image, `"total":{"N":"3"}`, `"total":{"S":"3"}`, 1)},
		"a wrong number":  {"", strings.Replace(image, `"total":{"N":"3"}`, `"total":{"N":"x"}`, 1)},
		"a huge number":   {"", strings.Replace(image, `"total":{"N":"3"}`, `"total":{"N":"1e400"}`, 1)},
		"a wrong time":    {"", strings.Replace(image, `2026-03-01T`, `yesterday`, 1)},
		"a set":           {"", strings.Replace(image, `"intent":{"N":"5"}`, `"intent":{"NS":["5"]}`, 1)},
		"too deep a nest": {"", strings.Replace(image, `{"S":"Contoso"}`, deep, 1)},
	} {
		if _, _, err := streamimage.Runs(record(t, pair[0], pair[1])); !errors.Is(err, streamimage.ErrNotRun) {
			t.Errorf("%s: %v", name, err)
		}
	}
	zero := events.DynamoDBStreamRecord{NewImage: map[string]events.DynamoDBAttributeValue{"entity": {}, "id": {}}}
	if _, _, err := streamimage.Runs(zero); !errors.Is(err, streamimage.ErrNotRun) {
		t.Errorf("zero values: %v", err)
	}
}

func FuzzRuns(f *testing.F) {
	f.Add([]byte(status("running")), []byte(status("partial")))
	f.Add([]byte(`{"a":{"NULL":true}}`), []byte(`{"entity":{"S":"Run"},"totals":{"M":{"a":{"N":"-1"}}}}`))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		var r events.DynamoDBStreamRecord
		if json.Unmarshal(before, &r.OldImage) != nil || json.Unmarshal(after, &r.NewImage) != nil {
			return
		}
		a, b, err := streamimage.Runs(r)
		if err != nil {
			if !errors.Is(err, streamimage.ErrNotRun) || a != nil || b != nil {
				t.Fatalf("%v, %v, %v", a, b, err)
			}
			return
		}
		for _, got := range []*run.Run{a, b} {
			if got != nil && !run.ValidRunID(got.ID) {
				t.Fatalf("accepted %+v", got)
			}
		}
	})
}
