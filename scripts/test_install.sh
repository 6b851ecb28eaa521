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

cd "$dir" # away from the source tree, so that the installed package is imported
"$dir/venv/bin/python" - <<'PY'
import importlib.util
import pathlib

import realtime_sync
from realtime_sync import ConfigError, Local, OpenAI

package = pathlib.Path(realtime_sync.__file__).parent
assert "site-packages" in package.parts, package
for name in ("py.typed", "local/scripts"):
    assert (package / name).exists(), f"{name} was not packaged"
for name in ("pyaudio", "soxr", "starlette", "click", "rich"):
    assert importlib.util.find_spec(name) is None, f"{name} came without its extra"
for name in realtime_sync.__all__:
    getattr(realtime_sync, name)

OpenAI(api_key="not-used")

from realtime_sync.audio import Microphone


def use_microphone() -> None:
    with Microphone():
        pass


def use_local() -> None:
    with Local() as client, client.realtime.connect(model="gpt-realtime"):
        pass


for use in (use_microphone, use_local):
    try:
        use()
    except ConfigError as exc:
        assert "pip install" in str(exc), exc
        print(f"{use.__name__}: {exc}")
    else:
        raise SystemExit(f"{use.__name__} worked without its extra")
print(f"realtime_sync {realtime_sync.__version__} works without extras")
PY
