package reason

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// canary has a character that no code or id may hold, as text from outside does.
const canary = "CANARY-hunter2 <script>"

// TestHostileTextStaysOut: whatever an answer of Microsoft says, and wherever a
// careless caller puts it, it reaches no sentence, no stored failure and no log.
func TestHostileTextStaysOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hostile := rapid.Custom(func(t *rapid.T) string {
			return rapid.String().Draw(t, "before") + canary + rapid.String().Draw(t, "after")
		})
		status := rapid.IntRange(-1, 700)
		params := Params{}
		for _, f := range Fields() {
			if fieldKinds[f] != kindName && rapid.Bool().Draw(t, "use "+string(f)) {
				params[string(f)] = hostile.Draw(t, string(f))
			}
		}
		params[hostile.Draw(t, "unknown field")] = hostile.Draw(t, "value")
		fault := GraphFault{HTTPStatus: status.Draw(t, "status"), Codes: []string{hostile.Draw(t, "code")}, Message: hostile.Draw(t, "message"),
			Doing: rapid.SampledFrom([]Doing{ReadList, ReadObject, ReadGroup, ReadFilter, ReadSecret, ReadAfterCreate, Create, Update, Assign, ""}).Draw(t, "doing")}
		entra := FromEntra([]int{rapid.Int().Draw(t, "aadsts")}, status.Draw(t, "entra status"), hostile.Draw(t, "description"))
		codes := []Code{FromGraph(fault), entra, Code(hostile.Draw(t, "own code")), rapid.SampledFrom(Entries()).Draw(t, "entry").Code}
		for _, c := range codes {
			f := Failure{Code: c, HTTPStatus: fault.HTTPStatus, GraphCode: fault.Codes[0], GraphRequestID: hostile.Draw(t, "request id"),
				ClientRequestID: hostile.Draw(t, "client id"), EntraCode: hostile.Draw(t, "entra code"), Params: params}
			stored, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			var logged bytes.Buffer
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("failed", "failure", f)
			texts := []string{string(stored), logged.String(), f.String(),
				NotificationTitle("restore.execute", "failed", params), NotificationBody("restore.execute", "failed", c, params),
				StatusSentence(Progress{Operation: "restore.execute", Status: "failed", Code: c, Params: params})}
			for _, s := range []Scope{ScopeRun, ScopeItem, ScopeProblem, ScopeWarning} {
				texts = append(texts, Sentence(c, s, params), Next(c, s, params))
			}
			for _, text := range texts {
				if strings.Contains(text, "hunter2") || strings.Contains(text, "CANARY") {
					t.Fatalf("the text got out: %s", text)
				}
			}
			var back Failure
			if err := json.Unmarshal(stored, &back); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(back)
			if err != nil || !bytes.Equal(stored, again) {
				t.Fatalf("not stable: %s and %s, %v", stored, again, err)
			}
		}
	})
}

// A failure that was stored by an older or tampered writer is cleaned on the
// way in.
func TestFailureIsCleanedWhenRead(t *testing.T) {
	var f Failure
	if err := json.Unmarshal([]byte(`{"code":"graph_throttled","graphCode":"Too many <b>","graphRequestId":"ten_12","params":{"tenant":"Contoso","body":"x","until":"soon","lane":"intune"}}`), &f); err != nil {
		t.Fatal(err)
	}
	if f.GraphCode != "" || f.GraphRequestID != "" || len(f.Params) != 2 || f.Params["lane"] != "intune" {
		t.Errorf("%+v", f)
	}
}

// Names survive cleaning twice, so that a stored failure reads as it was written.
func TestCleanIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "name") + strings.Repeat(rapid.StringN(0, 3, -1).Draw(t, "tail"), rapid.IntRange(0, 400).Draw(t, "times"))
		once := ClipName(s)
		if twice := ClipName(once); twice != once {
			t.Fatalf("%q became %q", once, twice)
		}
		if len([]rune(once)) > MaxNameRunes {
			t.Fatalf("%d characters", len([]rune(once)))
		}
	})
}
