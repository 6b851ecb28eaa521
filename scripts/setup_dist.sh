#!/usr/bin/env bash
# setup_dist.sh -- the environment of `make dist`: .venvs/dist with what builds and checks packages.
# A second run finds nothing to do.
#
# Environment:
#   PYTHON  the interpreter (default: the one of VENV, or else python3)
#   VENV    the project's own environment (default: .venv)
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venvs/dist
python=${PYTHON:-}
[ -n "$python" ] || python=${VENV:-.venv}/bin/python
[ -x "$python" ] || python=python3

wanted=$(pwd && "$python" -c 'import sys; print(sys.version, sys.base_prefix)' &&
    cksum scripts/setup_dist.sh)
[ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ] || exit 0
echo "setup: installing what builds packages into $venv" >&2
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --upgrade pip
"$venv/bin/python" -m pip install --quiet 'build >= 1.2' 'twine >= 6.1'
echo "$wanted" >"$venv/.ready"
