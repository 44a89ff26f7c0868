#!/usr/bin/env bash
# Runs functions in containers, with "sam local", against the running local stack:
#
#   tools/sam-local.sh start-api                                the API at http://127.0.0.1:3000 (SAM_LOCAL_PORT)
#   tools/sam-local.sh invoke ApiFunction -e events/FILE.json   one function, one event
#
# Further arguments go to "sam local". BRIDGE_ADDRESS names the address at which
# containers reach this machine, where it is not the gateway of Docker's bridge.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 1; }
command=$1
shift
[ -s .local/stack.json ] || { echo "sam local: the local stack is not up; start it with: make up-detached" >&2; exit 1; }
[ -x .local/bin/localstack ] || go build -trimpath -o .local/bin/localstack ./cmd/localstack

DOCKER_HOST=$(tools/container-engine.sh)
export DOCKER_HOST
address=${BRIDGE_ADDRESS:-$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}')}
if [ -z "$address" ]; then # not told before the first container: it is the subnet's first address
  subnet=$(docker network inspect bridge --format '{{(index .IPAM.Config 0).Subnet}}')
  address=${subnet%.*}.1
fi

ready=.local/logs/bridge.log
: >"$ready"
.local/bin/localstack bridge "$address" >"$ready" 2>&1 &
bridge=$!
sam=
stop() {
  if [ -n "$sam" ]; then kill -TERM "$sam" 2>/dev/null; wait "$sam" 2>/dev/null; fi
  kill $bridge 2>/dev/null
  wait $bridge 2>/dev/null
}
trap stop EXIT
trap 'exit 130' INT TERM
until grep -q 'Containers reach' "$ready"; do
  kill -0 $bridge 2>/dev/null || { cat "$ready" >&2; exit 1; }
  sleep 0.1
done

.local/venv-sam/bin/python tools/sam-local-template.py .local/sam-local/build/template.yaml .local/sam-local/build/sam-local.yaml
case $command in
  start-api) set -- --host 127.0.0.1 --port "${SAM_LOCAL_PORT:-3000}" --warm-containers LAZY "$@" ;;
esac
case $(uname -m) in arm64 | aarch64) arch=arm64 ;; *) arch=x86_64 ;; esac
# The functions work as the stand-in's administrator here: containers know no roles.
env SAM_CLI_TELEMETRY=0 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-central-1 AWS_REGION=eu-central-1 \
  .local/venv-sam/bin/sam local "$command" \
  --template .local/sam-local/build/sam-local.yaml --env-vars .local/sam-local/env.json \
  --parameter-overrides "Architecture=$arch" AwsEndpointUrl=set GraphCaFile=set VerifyTokensJwksUrl=set \
  --add-host "aws.localstack.internal:$address" --add-host "graph.localstack.internal:$address" \
  --skip-pull-image "$@" &
sam=$!
status=0
wait "$sam" || status=$?
sam=
exit "$status"
