#!/usr/bin/env bash
# test_install.sh [WHEEL] -- installs the wheel, or else this folder, into a throw-away environment:
# without extras the package works and names the command for one that is missing; then that command
# is run, and after it the README's programs.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-}
[ -n "$python" ] || python=${VENV:-.venv}/bin/python
[ -x "$python" ] || python=python3

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset PYTHONPATH

# A copy, because a build in the tree would leave its own folders there. The name has a space, so
# that the command is one that a shell has to be given quoted.
copy="$dir/a copy"
mkdir "$copy"
if [ $# -gt 0 ]; then
    cp "$1" "$copy"
    source=$copy/$(basename "$1")
else
    cp -r realtime_sync setup.cfg setup.py README.md LICENSE "$copy"
    source=$copy
fi
"$python" -m venv "$dir/venv"
export PATH="$dir/venv/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1
pip install "$source"

here=$PWD
cd "$dir" # away from the source tree, so that the installed package is imported
command=$(
    "$dir/venv/bin/python" - "$source" <<'PY'
import pathlib
import shlex
import sys

import realtime_sync
from realtime_sync._installation import install_command

package = pathlib.Path(realtime_sync.__file__).parent
assert "site-packages" in package.parts, package
for name in ("py.typed", "connection/_listening.pyi", "local/scripts/assistant.yaml"):
    assert (package / name).exists(), f"{name} was not packaged"
command = install_command("local", "cli")
assert command == shlex.join(["pip", "install", f"{sys.argv[1]}[local,cli]"]), command
print(command)
PY
)
python "$here/tests/support/without_extras.py"
eval "$command"
echo "installed more with: $command"
python "$here/tests/support/readme_programs.py" "$here/README.md"
realtime-sync --version
