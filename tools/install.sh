#!/usr/bin/env bash
# Installs one of the tools that the project pins, below .local, once:
#
#   tools/install.sh ministack       the stand-in for AWS            (Python)
#   tools/install.sh sam             SAM CLI and cfn-lint            (Python)
#   tools/install.sh go              golangci-lint and govulncheck   (Go)
#   tools/install.sh dynamodb-local  Amazon's DynamoDB on one machine (Java, Maven)
#   tools/install.sh browser         the browser tests, and Chromium  (Node)
#   tools/install.sh console         what builds the console          (Node)
#
# What is installed is remembered by the hash of its lock file: a second call does
# nothing, a changed lock installs anew. On failure it leaves one line that says
# what to do; the tool's own words are in .local/logs.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .local/logs
umask 022

die() { printf 'tools: %s\n' "$*" >&2; exit 1; }

# hash_of FILE...: one hash over the files.
hash_of() { cat "$@" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1; }

# shown NAME SECONDS COMMAND...: runs it with its output in a log, and says every
# ten seconds that it goes on.
shown() {
  local name=$1 usual=$2 log=.local/logs/tools-$1.log began=$SECONDS
  shift 2
  printf 'Installing %s (about %s s) …\n' "$name" "$usual"
  "$@" >"$log" 2>&1 &
  local pid=$! ticks=0
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.5
    ticks=$((ticks + 1))
    if [ $((ticks % 20)) -eq 0 ]; then printf '  … still at it, %s s\n' $((SECONDS - began)); fi
  done
  trap - INT TERM
  if ! wait "$pid"; then
    die "$name could not be installed: $(grep -v '^\s*$' "$log" | tail -n 1); see $log"
  fi
  printf 'Installing %s: done in %s s\n' "$name" $((SECONDS - began))
}

# python_tool NAME SECONDS: a virtual environment from tools/requirements-NAME.txt.
python_tool() {
  local name=$1 lock=tools/requirements-$1.txt venv=.local/venv-$1 stamp python
  command -v python3 >/dev/null || die "python3 is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$(python3 --version) is too old: install Python 3.11 or newer"
  python=$(python3 -c 'import sys; print(sys.executable, *sys.version_info[:3])')
  stamp="$(hash_of "$lock") $python"
  if [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  python3 -c 'import venv, ensurepip' 2>/dev/null ||
    die "Python's venv module is missing: install it (Debian: apt-get install python3-venv)"
  python3 -m venv --clear "$venv" >".local/logs/tools-$name.log" 2>&1 ||
    die "the virtual environment for $name could not be made; see .local/logs/tools-$name.log"
  shown "$name" "$2" "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r "$lock"
  printf '%s' "$stamp" >"$venv/.stamp"
}

go_tools() {
  local stamp
  command -v go >/dev/null || die "go is missing: install the version that go.mod names"
  stamp="$(hash_of tools/go.mod tools/go.sum) $(go env GOVERSION GOOS GOARCH | tr '\n' ' ')"
  if [ "$(cat .local/tools/go/.stamp 2>/dev/null)" = "$stamp" ]; then return; fi
  mkdir -p .local/tools/go
  shown go-tools 150 env GOBIN="$PWD/.local/tools/go" go -C tools install -trimpath tool
  printf '%s' "$stamp" >.local/tools/go/.stamp
}

dynamodb_local() {
  local stamp
  command -v java >/dev/null || tools/debian.sh default-jre-headless
  stamp="$(hash_of tools/dynamodb-local/pom.xml)"
  if [ "$(cat .local/dynamodb-local/.stamp 2>/dev/null)" = "$stamp" ]; then return; fi
  command -v mvn >/dev/null || tools/debian.sh maven
  rm -rf .local/dynamodb-local
  shown dynamodb-local 60 mvn --batch-mode --no-transfer-progress -f tools/dynamodb-local/pom.xml \
    dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$PWD/.local/dynamodb-local"
  printf '%s' "$stamp" >.local/dynamodb-local/.stamp
}

# node_tool NAME FOLDER SECONDS: the packages of a lock file.
node_tool() {
  local stamp folder=$2
  command -v npm >/dev/null || die "npm is missing: install Node 20 or newer"
  stamp="$(hash_of "$folder/package-lock.json")"
  if [ "$(cat "$folder/node_modules/.stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  shown "$1" "$3" npm ci --prefix "$folder" --no-audit --no-fund
  printf '%s' "$stamp" >"$folder/node_modules/.stamp"
}

browser() {
  command -v "${CHROMIUM:-/usr/bin/chromium}" >/dev/null || tools/debian.sh chromium
  node_tool browser tests/browser 10
}

for tool in "$@"; do
  case $tool in
    ministack) python_tool ministack 30 ;;
    sam) python_tool sam 45 ;;
    go) go_tools ;;
    dynamodb-local) dynamodb_local ;;
    browser) browser ;;
    console) node_tool console console 45 ;;
    *) die "there is no tool $tool; see the head of tools/install.sh" ;;
  esac
done
