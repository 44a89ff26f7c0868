#!/usr/bin/env bash
# Looks the dependencies up in the Go vulnerability database. Where the database
# cannot be reached it says so and passes: that is no statement about the code.
set -euo pipefail
out=$(mktemp)
trap 'rm -f "$out"' EXIT
if "$1" ./... >"$out" 2>&1; then
  echo "govulncheck: no known vulnerability is called"
elif grep -qE 'fetching vulnerabilities|vuln\.go\.dev|dial tcp|no such host|Forbidden' "$out" && ! grep -q '^Vulnerability #' "$out"; then
  echo "govulncheck: its database cannot be reached from here; not checked"
else
  cat "$out"
  exit 1
fi
