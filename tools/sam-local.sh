#!/usr/bin/env bash
# Runs functions in containers, with "sam local", against the running local stack:
#
#   tools/sam-local.sh start-api                                the API at http://127.0.0.1:3000 (SAM_LOCAL_PORT)
#   tools/sam-local.sh invoke ApiFunction -e events/FILE.json   one function, one event
#   tools/sam-local.sh bridge                                   what both need, until it is ended
#
# Further arguments go to "sam local". BRIDGE_ADDRESS names the address at which
# containers reach this machine, where it is not the gateway of Docker's bridge.
# "bridge" prints a line with two variables; with them in the environment the
# other two leave the preparing to it, so that many can run side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 1; }
command=$1
shift
[ -s .local/stack.json ] || { echo "sam local: the local stack is not up; start it with: make up-detached" >&2; exit 1; }
python=.local/venv-sam/bin/python

# The stack's ports are those it was started with, whatever this shell says.
stack=$("$python" - <<'PYTHON'
import json
from urllib.parse import urlsplit
stack = json.load(open(".local/stack.json", encoding="utf-8"))
aws = stack["aws"]
print(aws["endpoint"], aws["region"], aws["accessKeyId"], aws["secretAccessKey"], urlsplit(aws["endpoint"]).port, end=" ")
# Another stand-in for Graph needs no way in: containers reach it, or nobody does.
print(urlsplit(stack["graph"]["url"]).port if stack["graph"]["adminUrl"] else "")
PYTHON
)
read -r endpoint region key secret AWS_PORT graph_port <<<"$stack"
export AWS_PORT
if [ -n "$graph_port" ]; then export GRAPH_PORT=$graph_port; fi

bridge=
sam=
stop() {
  if [ -n "$sam" ]; then kill -TERM "$sam" 2>/dev/null; wait "$sam" 2>/dev/null; fi
  if [ -n "$bridge" ]; then kill "$bridge" 2>/dev/null; wait "$bridge" 2>/dev/null; fi
}
trap stop EXIT
trap 'exit 130' INT TERM

address=${SAM_LOCAL_BRIDGE:-}
if [ -z "$address" ]; then
  DOCKER_HOST=$(tools/container-engine.sh) || exit $?
  export DOCKER_HOST
  address=${BRIDGE_ADDRESS:-$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')}
  if [ -z "$address" ]; then # not told before the first container: it is the subnet's first address
    subnet=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Subnet}}')
    address=${subnet%.*}.1
  fi
  [ -x .local/bin/localstack ] || go build -trimpath -o .local/bin/localstack ./cmd/localstack
  ready=.local/logs/bridge.log
  : >"$ready"
  .local/bin/localstack bridge "$address" >"$ready" 2>&1 &
  bridge=$!
  until grep -q 'Containers reach' "$ready"; do
    kill -0 "$bridge" 2>/dev/null || { cat "$ready" >&2; exit 1; }
    sleep 0.1
  done
  "$python" tools/sam-local-template.py .local/sam-local/build/template.yaml .local/sam-local/build/sam-local.yaml
  # "start-api" runs no authorizer, so the function checks tokens itself there. An
  # event of "invoke" carries what the authorizer found out.
  "$python" - <<'PYTHON'
import json, os
environment = json.load(open(".local/sam-local/env.json", encoding="utf-8"))
for variables in environment.values():
    variables.pop("JWKS_URL", None)
with open(os.open(".local/sam-local/env-invoke.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
    json.dump(environment, file, indent=2)
PYTHON
fi
if [ "$command" = bridge ]; then
  printf 'SAM_LOCAL_BRIDGE=%s DOCKER_HOST=%s\n' "$address" "$DOCKER_HOST"
  wait "$bridge"
  exit
fi

case $(uname -m) in arm64 | aarch64) arch=arm64 ;; *) arch=x86_64 ;; esac
parameters=("Architecture=$arch" AwsEndpointUrl=set GraphCaFile=set)
variables=.local/sam-local/env-invoke.json
if [ "$command" = start-api ]; then
  variables=.local/sam-local/env.json
  parameters+=(VerifyTokensJwksUrl=set)
  set -- --host 127.0.0.1 --port "${SAM_LOCAL_PORT:-3000}" --warm-containers LAZY "$@"
fi
# The functions work as the stand-in's administrator here: containers know no
# roles. The endpoint is for SAM CLI itself, which else asks AWS who it is.
env SAM_CLI_TELEMETRY=0 AWS_ENDPOINT_URL="$endpoint" AWS_ACCESS_KEY_ID="$key" AWS_SECRET_ACCESS_KEY="$secret" \
  AWS_DEFAULT_REGION="$region" AWS_REGION="$region" \
  .local/venv-sam/bin/sam local "$command" \
  --template .local/sam-local/build/sam-local.yaml --env-vars "$variables" \
  --parameter-overrides "${parameters[@]}" \
  --add-host "aws.localstack.internal:$address" --add-host "graph.localstack.internal:$address" \
  --skip-pull-image "$@" &
sam=$!
status=0
wait "$sam" || status=$?
sam=
exit "$status"
