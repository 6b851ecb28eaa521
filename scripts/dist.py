"""Build the sdist and the wheel into dist/, and look that both are what they should be.

    .venvs/dist/bin/python scripts/dist.py

The interpreter has `build` and `twine`; scripts/setup_dist.sh installs them. Built is a copy: what
an earlier build has left here can't get into the wheel.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"

_LEFTOVERS = shutil.ignore_patterns(
    ".git", ".venv", ".venvs", ".*_cache", ".hypothesis", ".coverage", "__pycache__",
    "*.egg-info", "build", "dist", "out",
)  # fmt: skip
_FENCE = re.compile(r"^ *```")
_LINK = re.compile(r"(!?)\[((?:[^][]|\[[^][]*\])*)\]\(([^)\s]+)\)")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|#", re.IGNORECASE)


def copy_tree(to: Path) -> None:
    """Copy what is to be packed: all files that git knows, or without git all but leftovers.

    Args:
        to: a folder that does not exist yet.
    """
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT, to, ignore=_LEFTOVERS)
        return
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # it may be deleted here
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def repository_url(setup: str) -> str | None:
    """Return the ``url`` of the text of a setup.cfg, None where there is none."""
    parser = configparser.ConfigParser()
    parser.read_string(setup)
    return parser.get("metadata", "url", fallback="").strip().rstrip("/") or None


def with_absolute_links(text: str, url: str) -> str:
    """Return Markdown whose relative links lead into a repository.

    Args:
        text: a document of the repository's top folder.
        url: the repository's address, as GitHub and GitLab lay out what is below it.
    """
    return "\n".join(_lines(text, url))


def _lines(text: str, url: str) -> Iterator[str]:
    def absolute(link: re.Match[str]) -> str:
        mark, words, target = link.groups()
        words = _LINK.sub(absolute, words)  # a picture that is a link
        if not _ABSOLUTE.match(target):
            target = f"{url}/{'raw' if mark else 'blob'}/HEAD/{target}"
        return f"{mark}[{words}]({target})"

    is_code = False
    for line in text.split("\n"):
        is_code ^= bool(_FENCE.match(line))
        yield line if is_code else _LINK.sub(absolute, line)


def different_members(one: Path, other: Path) -> list[str]:
    """Return the names of what two wheels don't have alike."""
    left, right = _members(one), _members(other)
    return sorted(name for name in {*left, *right} if left.get(name) != right.get(name))


def _members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def main() -> None:
    """Build, compare, check, and install what was built."""
    with TemporaryDirectory() as folder:
        tree, built = Path(folder, "tree"), Path(folder, "built")
        copy_tree(tree)
        if url := repository_url((tree / "setup.cfg").read_text("utf-8")):
            readme = tree / "README.md"
            readme.write_text(with_absolute_links(readme.read_text("utf-8"), url), "utf-8")
        _say(f"building; links lead to {url or 'nowhere outside: setup.cfg has no url'}")
        sdist = _build("sdist", tree, built)
        _run("tar", "-xf", sdist, "-C", folder)
        unpacked = Path(folder, sdist.name.removesuffix(".tar.gz"))
        wheel = _build("wheel", unpacked, built)
        _compare(wheel, _build("wheel", tree, Path(folder, "from_tree")))
        _run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(built, DIST)
    _run(ROOT / "scripts" / "test_install.sh", DIST / wheel.name)
    for path in (sdist, wheel):
        _say(f"dist/{path.name} ({(DIST / path.name).stat().st_size:,} bytes)")


def _build(kind: str, tree: Path, out: Path) -> Path:
    _run(sys.executable, "-m", "build", f"--{kind}", "--outdir", out, tree, quiet=True)
    (found,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return found


def _compare(from_sdist: Path, from_tree: Path) -> None:
    if different := different_members(from_sdist, from_tree):
        raise SystemExit(f"dist: the sdist builds another wheel than the checkout: {different}")
    _say("the sdist builds the wheel that the checkout builds")


def _run(*command: str | Path, quiet: bool = False) -> None:
    output = subprocess.PIPE if quiet else None
    ran = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    if ran.returncode:
        sys.stderr.write(ran.stdout or "")
        raise SystemExit(f"dist: this failed: {' '.join(map(str, command))}")


def _say(text: str) -> None:
    sys.stderr.write(f"dist: {text}\n")


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)  # what is built and installed is looked at, not this folder
    main()
