#!/usr/bin/env bash
# test_install.sh -- `pip install` without extras, into a throw-away environment: the package works
# there without PortAudio, and says which extra is missing when one is needed.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-}
[ -n "$python" ] || python=${VENV:-.venv}/bin/python
[ -x "$python" ] || python=python3

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# A copy, because a build in the tree would leave its own folders there.
mkdir "$dir/source"
cp -r realtime_sync setup.cfg setup.py README.md LICENSE "$dir/source"
"$python" -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$dir/source"

program=$PWD/tests/support/without_extras.py
cd "$dir" # away from the source tree, so that the installed package is imported
"$dir/venv/bin/python" - <<'PY'
import pathlib

import realtime_sync

package = pathlib.Path(realtime_sync.__file__).parent
assert "site-packages" in package.parts, package
for name in ("py.typed", "local/scripts/assistant.yaml"):
    assert (package / name).exists(), f"{name} was not packaged"
PY
"$dir/venv/bin/python" "$program"
