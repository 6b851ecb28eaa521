# What the lines of tests/support/documented.py call, in bash on the bare system.
# shellcheck shell=bash

set -u
out=~/printed
served=""

fail() {
    cat "$out"
    echo "FAILED $1"
    [ -z "$served" ] || kill -TERM "$served" 2>/dev/null
    wait
    exit 1
}

# Whatever a block does to its shell (cd, export, an environment that it enters) ends with it, but
# for the environment that the README makes: who reads on is in it.
begin() {
    cd ~/realtime_sync || exit 1
    # shellcheck disable=SC1090
    [ ! -e ~/voice/bin/activate ] || . ~/voice/bin/activate
}

finish() { stop_serving; }

# leave_out WHERE COMMAND REASON
leave_out() { echo "-- $1: $2 ($3)"; }

# run WHERE COMMAND CODE TEXT: the command ends with that code and prints that text, among others.
run() {
    local code=0 text=${4%$'\n'}
    echo "== $1: $2"
    eval "$2" >"$out" 2>&1 </dev/null || code=$?
    [ "$code" = "$3" ] || fail "$1: it ended with $code and not with $3"
    [[ "$(cat "$out")" == *"$text"* ]] || fail "$1: it does not print $text"
    tail -n 1 "$out"
}

# serve WHERE COMMAND TEXT URL: leaves the command running after it has printed that text, and
# answers there.
serve() {
    stop_serving
    echo "== $1: $2"
    eval "exec $2" >"$out" 2>&1 </dev/null &
    served=$!
    for _ in {1..300}; do
        ! grep -qF "$3" "$out" || break
        kill -0 "$served" 2>/dev/null || fail "$1: it has ended"
        sleep 0.2
    done
    grep -qF "$3" "$out" || fail "$1: it does not print $3"
    python3 - "$4" >>"$out" 2>&1 <<'PY' || fail "$1: it does not answer $4"
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=60)
except urllib.error.HTTPError as error:  # it is there, and refuses what is nothing to it
    sys.exit(error.code >= 500)
PY
}

stop_serving() {
    local code=0
    [ -n "$served" ] || return 0
    kill -TERM "$served"
    wait "$served" || code=$?
    served=""
    [ "$code" = 0 ] || [ "$code" = 143 ] || fail "it ended with $code when it was stopped"
}
