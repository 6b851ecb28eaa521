#!/usr/bin/env bash
# setup.sh demo|test|docs -- all that `make demo`, `make test` or `make docs` needs.
#
# On a fresh Debian or Ubuntu machine: the system packages that are missing, a virtual environment,
# and this project in it with its extras. A second run finds nothing to do and says nothing.
#
# Environment:
#   PYTHON  the interpreter (default: the first suitable of python3, python3.13 ... python3.10)
#   VENV    the folder of the virtual environment (default: .venv)
set -euo pipefail
cd "$(dirname "$0")/.."

goal=${1:-}
venv=${VENV:-.venv}
log=build/setup.log

case $goal in
demo) extras=audio,local,cli ;;
test) extras=audio,local,cli,docs,fast,files,mcp,web,test ;;
docs) extras=docs ;;
*)
    echo "usage: scripts/setup.sh demo|test|docs" >&2
    exit 2
    ;;
esac

say() { echo "setup: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# Runs a command silently; when it fails, shows the end of what it wrote and stops.
quietly() {
    if ! "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        die "this failed: $* (everything it wrote is in $log)"
    fi
}

# -- the interpreter ------------------------------------------------------------------------------

# Whether $1 runs (a pyenv shim may not) and is a version that this project supports.
is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' >/dev/null 2>&1
}

find_python() {
    local name
    if [ -n "${PYTHON:-}" ]; then
        is_supported "$PYTHON" || die "PYTHON=$PYTHON does not run or is older than Python 3.10"
        echo "$PYTHON"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.10; do
        if is_supported "$name"; then
            echo "$name"
            return
        fi
    done
    die "no Python 3.10 or newer found; install one, or name it with PYTHON=/path/to/python3"
}

# -- system packages ------------------------------------------------------------------------------

has_header() { echo "#include <$1>" | gcc -E -x c - >/dev/null 2>&1; }

has_command() { command -v "$1" >/dev/null 2>&1; }

has_postgresql() { compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || has_command initdb; }

has_alsa_pulse() { compgen -G "/usr/lib*/*/alsa-lib/libasound_module_pcm_pulse.so" >/dev/null; }

# Prints the Debian names of what is not there. Looks for the thing itself and not for the
# package, so that a compiler or a Python from elsewhere counts.
missing_packages() {
    local python=$1 version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -Im ensurepip --version >/dev/null 2>&1 || echo "python$version-venv"
    [ "$goal" != docs ] || return 0
    "$python" - <<'PY' || echo "python$version-dev"
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
PY
    has_command gcc || echo gcc
    has_header stdio.h || echo libc6-dev
    has_header portaudio.h || echo portaudio19-dev
    [ "$goal" = test ] || return 0
    has_command pulseaudio || echo pulseaudio
    has_command pactl || echo pulseaudio-utils
    has_alsa_pulse || echo libasound2-plugins
    has_command flite || echo flite
    has_command sox || echo sox
    has_postgresql || echo postgresql
}

apt_install() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        has_command sudo || die "run this as root, then try again: apt-get install -y --no-install-recommends $*"
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n) # nobody is there to type a password
    fi
    say "installing system packages: $*"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    # A machine may have a broken list that has nothing to do with us, so the install decides.
    "${apt[@]}" update >>"$log" 2>&1 || say "apt-get update reported errors; trying to install anyway"
    quietly "${apt[@]}" install -y --no-install-recommends "$@"
}

install_system_packages() {
    local missing
    missing=$(missing_packages "$1" | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if has_command apt-get; then
        # One word per package.
        # shellcheck disable=SC2086
        apt_install $missing
    else
        say "this is not Debian or Ubuntu: please install what those call $missing(going on without)"
    fi
}

# Some tests show pages in Chromium. Other systems call it otherwise (on Ubuntu it is a snap), so the
# tests do without where it can't be had.
install_browser() {
    [ "$goal" = test ] && ! has_command chromium || return 0
    has_command apt-cache && [ -n "$(apt-cache show chromium 2>/dev/null)" ] || return 0
    (apt_install chromium) || say "going on without a browser: their tests are skipped"
}

# -- the virtual environment ----------------------------------------------------------------------

# What an environment depends on; another text means that it has to be made anew or completed.
fingerprint() {
    pwd
    cksum setup.cfg setup.py scripts/setup.sh
}

identity() { "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null; }

# Whether the environment runs, on the interpreter that was asked for by name (if any was).
venv_is_usable() {
    [ -x "$venv/bin/python" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(identity "$PYTHON")" = "$(identity "$venv/bin/python")" ]
}

is_ready() {
    venv_is_usable && [ "$(cat "$venv/.ready-$goal" 2>/dev/null)" = "$(fingerprint)" ]
}

make_venv() {
    local python=$1
    if ! venv_is_usable || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        say "making $venv with $("$python" --version 2>&1)"
        rm -rf "$venv"
        quietly "$python" -m venv "$venv"
        quietly "$venv/bin/python" -m pip install --upgrade pip
    fi
}

install_project() {
    say "installing realtime_sync[$extras] into $venv"
    quietly "$venv/bin/python" -m pip install -e ".[$extras]"
    fingerprint >"$venv/.ready-$goal"
    [ "$goal" != test ] || cp "$venv/.ready-test" "$venv/.ready-demo" # all that the demo needs, and more
}

# -------------------------------------------------------------------------------------------------

is_ready && exit 0
mkdir -p build
: >"$log"
python=$(find_python)
install_system_packages "$python"
install_browser
make_venv "$python"
install_project
say "ready"
