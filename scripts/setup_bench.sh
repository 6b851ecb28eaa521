#!/usr/bin/env bash
# setup_bench.sh -- the environment of `make bench`: .venvs/bench with this project, the libraries
# that it is compared with, and what draws the plot. A second run finds nothing to do.
#
# Environment:
#   VENV  the project's own environment, whose interpreter is used (default: .venv)
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venvs/bench
python=${VENV:-.venv}/bin/python
requirements=tests/benchmarks/requirements.txt
log=build/setup_bench.log

say() { echo "setup: $*" >&2; }

# Runs a command silently; when it fails, shows the end of what it wrote and stops.
quietly() {
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        say "this failed: $* (everything it wrote is in $log)"
        exit 1
    fi
}

wanted=$(pwd && "$python" -c 'import sys; print(sys.version, sys.base_prefix)' &&
    cksum setup.cfg "$requirements" scripts/setup_bench.sh)
[ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ] || exit 0
mkdir -p build
: >"$log"
say "installing this project and its peers into $venv"
rm -rf "$venv"
quietly "$python" -m venv "$venv"
quietly "$venv/bin/python" -m pip install --upgrade pip
quietly "$venv/bin/python" -m pip install -e ".[audio,fast]" -r "$requirements"
echo "$wanted" >"$venv/.ready"
say "ready"
