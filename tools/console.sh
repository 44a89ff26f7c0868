#!/usr/bin/env bash
# Builds the console into console/dist, which the Go package embeds. A second call
# does nothing until a source, the lock file or the API's description changes.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .local/logs
stamp=console/dist/.stamp log=.local/logs/console.log

sources=$(find console/src console/index.html console/package.json console/package-lock.json console/vite.config.ts console/tsconfig.json docs/openapi.json \
  -type f ! -name schema.d.ts ! -name '*.test.ts' | LC_ALL=C sort)
hash=$(for file in $sources; do printf '%s\n' "$file"; cat "$file"; done | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1)
if [ -f console/dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then exit 0; fi

printf 'Building the console (about 15 s) …\n'
rm -f "$stamp"
if ! (cd console && npm run --silent build) >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "console: the build failed; see $log" >&2
  exit 1
fi
printf '%s' "$hash" >"$stamp"
