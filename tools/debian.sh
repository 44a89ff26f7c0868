#!/usr/bin/env bash
# Installs packages of Debian where that is possible, and else says what to
# install:
#
#   tools/debian.sh PACKAGE...
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .local/logs
log=.local/logs/tools-debian.log
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "tools: $* cannot be installed from here: install it by hand (Debian: apt-get install $*)" >&2
  exit 1
fi
echo "Installing $* …" >&2
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
  echo "tools: $* cannot be installed: $(grep -v '^\s*$' "$log" | tail -n 1); see $log" >&2
  exit 1
fi
