package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestAFailedToolLeavesOneLineWithReasonAndLog(t *testing.T) {
	for name, test := range map[string]struct{ log, reason, want string }{
		"the tool's error": {"Building\nError: Failed to create the stack\nsee above\n", "", "Error: Failed to create the stack"},
		"a compile error":  {"Build Failed\nfunctions/api/main.go:7:2: undefined: x\nmore\n", "", "functions/api/main.go:7:2: undefined: x"},
		"only a last line": {"one\ntwo\n\n", "", "two"},
		"a known reason":   {"Error: stack failed\n", "Table: limit\nexceeded", "Table: limit exceeded"},
		"an empty log":     {"", "", "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config{root: t.TempDir()}
			if err := os.MkdirAll(c.local("logs"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(c.log("sam-deploy"), []byte(test.log), 0o600); err != nil {
				t.Fatal(err)
			}
			got := toolFailed(t.Context(), c, "the deployment", "sam-deploy", errors.New("exit status 1"), test.reason).Error()
			if want := "the deployment failed: " + test.want + "; see .local/logs/sam-deploy.log"; got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if strings.Contains(got, "\n") {
				t.Error("it is more than one line")
			}
		})
	}
}
