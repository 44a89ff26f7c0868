#!/usr/bin/env bash
# Pins the Python tools anew: resolves tools/requirements-*.in into lock files with
# every dependency's version and hashes. Run it to move to newer versions.
set -euo pipefail
cd "$(dirname "$0")"
venv=../.local/venv-lock
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check pip-tools==7.6.2
for name in ministack sam; do
  "$venv/bin/pip-compile" --quiet --upgrade --strip-extras --allow-unsafe --generate-hashes --no-header \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
    --output-file "requirements-$name.txt" "requirements-$name.in"
done
