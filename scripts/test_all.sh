#!/usr/bin/env bash
# test_all.sh [pytest options] -- the tests on every supported Python that this machine has, each
# in an environment of its own under .venvs/.
set -euo pipefail
cd "$(dirname "$0")/.."

# Prints an interpreter of version $1; a name alone proves nothing, a pyenv shim may not run.
find_version() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

summary=()
failed=0
for version in 3.10 3.11 3.12 3.13; do
    if ! python=$(find_version "$version"); then
        summary+=("$version: not on this machine")
    elif make test PYTHON="$python" VENV=".venvs/$version" PYTEST_ARGS="$*"; then
        summary+=("$version: passed")
    else
        summary+=("$version: FAILED")
        failed=1
    fi
done
printf 'Python %s\n' "${summary[@]}"
exit "$failed"
