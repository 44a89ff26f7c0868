#!/usr/bin/env bash
# Sees to a container engine with the Lambda base image, for "sam local". Prints
# the engine's address (DOCKER_HOST) on standard output and what it does on
# standard error.
#
#   tools/container-engine.sh        use the running engine, or start one below .local
#   tools/container-engine.sh stop   stop the one that this script started
#
# Where no engine is installed and Debian's packages can be, it installs docker.io.
# It exits with 3 where there is no engine and none can be installed or started.
# Where the base image cannot be pulled it makes a stand-in: a shell and the
# machine's certificate authorities, which is all that a static Go binary needs.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.local/docker
log=.local/logs/dockerd.log
say() { printf '%s\n' "$*" >&2; }
die() { say "container engine: $*"; exit 1; }
none() { say "container engine: $*"; exit 3; }
mkdir -p "$folder" .local/logs

own=unix://$folder/docker.sock
if [ "${1:-}" = stop ]; then
  if [ -s "$folder/dockerd.pid" ] && kill "$(cat "$folder/dockerd.pid")" 2>/dev/null; then
    for _ in $(seq 100); do [ -e "$folder/dockerd.pid" ] || exit 0; sleep 0.1; done
    die "it does not stop; see $log"
  fi
  exit 0
fi

answers() { DOCKER_HOST=$1 docker info >/dev/null 2>&1; }
host=${DOCKER_HOST:-unix:///var/run/docker.sock}
if ! command -v docker >/dev/null || ! answers "$host"; then
  host=$own
  if ! command -v docker >/dev/null || ! answers "$host"; then
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
      tools/debian.sh docker.io iptables || none "none is installed: install Docker"
    fi
    [ "$(id -u)" = 0 ] || none "it does not run, and only root can start it: start Docker first"
    say "Starting a container engine …"
    rm -f "$folder/dockerd.pid"
    setsid dockerd --host "$own" --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/dockerd.pid" \
      >"$log" 2>&1 </dev/null &
    for _ in $(seq 150); do if answers "$own"; then break; fi; sleep 0.2; done
    if ! answers "$own"; then
      [ ! -s "$folder/dockerd.pid" ] || kill "$(cat "$folder/dockerd.pid")" 2>/dev/null || true
      none "it did not start: $(tail -n 1 "$log"); see $log"
    fi
  fi
fi

case $(uname -m) in arm64 | aarch64) arch=arm64 ;; *) arch=x86_64 ;; esac
image=public.ecr.aws/lambda/provided:al2023-$arch
export DOCKER_HOST=$host
if ! docker image inspect "$image" >/dev/null 2>&1; then
  say "Fetching $image …"
  if ! timeout 180 docker pull -q "$image" >.local/logs/docker-pull.log 2>&1; then
    say "It cannot be fetched; making a stand-in for it."
    busybox=$(command -v busybox || true)
    if [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then tools/debian.sh busybox-static; busybox=$(command -v busybox); fi
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mkdir -p "$root"/{bin,etc/ssl/certs,tmp,var/task,var/runtime,var/rapid,opt}
    chmod 1777 "$root/tmp"
    cp "$busybox" "$root/bin/busybox"
    for applet in sh ls cat chmod mv mkdir env sleep; do ln -s busybox "$root/bin/$applet"; done
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" || die "the machine has no certificate authorities (Debian: apt-get install ca-certificates)"
    printf 'root:x:0:0:root:/tmp:/bin/sh\nsbx_user1051:x:993:990::/tmp:/bin/sh\n' >"$root/etc/passwd"
    tar -C "$root" -c . | docker import --change 'ENV PATH=/bin' --change 'WORKDIR /var/task' - "$image" >/dev/null
  fi
fi
# "sam local" asks for the shorter name when it may not pull.
docker tag "$image" "public.ecr.aws/lambda/provided:al2023"
printf '%s\n' "$host"
