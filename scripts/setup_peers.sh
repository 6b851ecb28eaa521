#!/usr/bin/env bash
# setup_peers.sh [PART...] -- the published clients, and the proxy, that tests/peers/ uses.
#
# Parts are openai_node, agents_node, python, airefinery, litellm, openai_newest, websockets_15 and
# websockets_17; without arguments, all of them. Those for Node, and other versions of a package
# that is here already, go into build/peers/, those for Python into environments of
# their own, .venvs/peers, .venvs/airefinery, .venvs/litellm and .venvs/openai_newest: they need a
# lot that this project does not, and in other versions. What is there already is left alone, but
# for openai_newest, which is renewed. Where Node or a suitable Python is missing, its clients are
# left out.
#
# Environment:
#   PEERS_PYTHON  the interpreter for the Python clients (default: the first suitable of python3,
#                 python3.13 ... python3.11, and those of pyenv)
set -euo pipefail
cd "$(dirname "$0")/.."

sources=tests/peers
log=build/setup_peers.log

say() { echo "setup: $*" >&2; }

# Runs a command silently; when it fails, shows the end of what it wrote and stops.
quietly() {
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        say "this failed: $* (everything it wrote is in $log)"
        exit 1
    fi
}

# -- Node -----------------------------------------------------------------------------------------

has_node() {
    command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(+(parseInt(process.versions.node) < 20))' >/dev/null 2>&1
}

install_node() {
    local name=$1 folder=build/peers/$1 wanted
    if ! has_node; then
        say "no Node 20 or newer with npm: $name is left out"
        return
    fi
    wanted=$(node --version && cksum "$sources/$name/package-lock.json")
    [ "$(cat "$folder/.ready" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing the npm packages of $name into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$sources/$name/package.json" "$sources/$name/package-lock.json" "$folder"
    quietly npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts \
        --fetch-retries=1 --fetch-timeout=20000
    echo "$wanted" >"$folder/.ready"
}

# -- Python ---------------------------------------------------------------------------------------

# is_suitable PYTHON OLDEST: whether it is Python 3.OLDEST or newer, up to 3.13.
is_suitable() {
    "$1" -c "import sys; sys.exit(not (3, $2) <= sys.version_info[:2] < (3, 14))" >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${PEERS_PYTHON:-python3 python3.13 python3.12 python3.11 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[123].*/bin/python}; do
        if is_suitable "$name" "$1"; then
            echo "$name"
            return
        fi
    done
}

# install_python NAME VENV OLDEST: what NAME requires into VENV, with Python 3.OLDEST or newer.
install_python() {
    local name=$1 venv=$2 oldest=$3 python wanted
    python=$(find_python "$oldest")
    if [ -z "$python" ]; then
        say "no Python from 3.$oldest to 3.13: $name is left out"
        return
    fi
    wanted=$(pwd && "$python" -c 'import sys; print(sys.version, sys.base_prefix)' &&
        cksum "$sources/$name/requirements.txt")
    [ "$(cat "$venv/.ready" 2>/dev/null)" != "$wanted" ] || return 0
    say "installing the clients of $name into $venv: some hundred MB, some minutes"
    rm -rf "$venv"
    quietly "$python" -m venv "$venv"
    quietly "$venv/bin/python" -m pip install --upgrade pip
    quietly "$venv/bin/python" -m pip install -r "$sources/$name/requirements.txt"
    echo "$wanted" >"$venv/.ready"
}

# The newest openai that there is, whose type names are looked at.
install_openai_newest() {
    local venv=.venvs/openai_newest python
    if [ ! -x "$venv/bin/python" ]; then
        python=$(find_python 10)
        if [ -z "$python" ]; then
            say "no Python from 3.10 to 3.13: the names of openai are left out"
            return
        fi
        quietly "$python" -m venv "$venv"
    fi
    quietly "$venv/bin/python" -m pip install --upgrade openai
    touch "$venv/.ready"
}

# install_version NAME VERSION: another version of a package, to be put in front of the one here.
install_version() {
    local folder=build/peers/$1_${2%%.*} python
    [ ! -e "$folder/.ready" ] || return 0
    python=$(find_python 10)
    if [ -z "$python" ]; then
        say "no Python from 3.10 to 3.13: $1 $2 is left out"
        return
    fi
    rm -rf "$folder"
    quietly "$python" -m pip install --no-deps --no-compile --target "$folder" "$1 == $2"
    touch "$folder/.ready"
}

# -------------------------------------------------------------------------------------------------

[ $# -gt 0 ] || set -- openai_node agents_node python airefinery litellm openai_newest \
    websockets_15 websockets_17
mkdir -p build
: >"$log"
for part in "$@"; do
    case $part in
    openai_node | agents_node) install_node "$part" ;;
    python) install_python python .venvs/peers 11 ;;
    airefinery) install_python airefinery .venvs/airefinery 12 ;;
    litellm) install_python litellm .venvs/litellm 11 ;;
    openai_newest) install_openai_newest ;;
    websockets_15) install_version websockets "15.*" ;;
    websockets_17) install_version websockets "17.*" ;;
    *)
        echo "there is no part $part; see the head of scripts/setup_peers.sh" >&2
        exit 2
        ;;
    esac
done
