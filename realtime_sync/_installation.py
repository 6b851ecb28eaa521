"""Where this package came from: what is missing comes from the same place.

The name alone is right only for whoever has installed from an index. In a checkout, or with a wheel
at hand, it could bring somebody else's package, or another version of this one.
"""

from __future__ import annotations

import json
import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

__all__ = ["install_command"]

_NAME: Final = "realtime_sync"
_OUR_SETUP: Final = re.compile(rf"^name\s*=\s*{_NAME}\s*$", re.MULTILINE)
_MEANS_MORE: Final = frozenset(";[]#")
_ROOT: Final = Path(__file__).resolve().parents[1]


def install_command(*extras: str) -> str:
    """Return the command for a shell that adds extras to this installation, on one line.

    It names what the package was installed from, as pip has written it down in
    ``direct_url.json`` (PEP 610): a folder, a file or an address, which is shown without a login
    or a query. Without an installation it is the folder of the checkout that runs, and after an
    installation from an index the name of the package.

    Args:
        extras: their names, such as ``"audio"``.
    """
    return shlex.join(["pip", "install", *_what(f"[{','.join(extras)}]")])


def _what(extras: str) -> list[str]:
    """Return the options and the requirement."""
    from urllib.request import url2pathname  # it takes milliseconds, and only errors need it

    origin = _origin()
    url = urlsplit(origin.get("url", ""))
    path = Path(url2pathname(url.path)).resolve() if url.scheme == "file" else None
    if _is_checkout(_ROOT):
        # The code that runs decides: an installation may be that of another checkout.
        if path == _ROOT and (origin.get("dir_info") or {}).get("editable"):
            return ["-e", f"{_ROOT if _is_plain(_ROOT) else _ROOT.as_uri()}{extras}"]
        return [_at(_ROOT, extras)]
    vcs = origin.get("vcs_info")
    if path is not None and not vcs:
        return [_at(path, extras)]
    if not origin:
        return [f"{_NAME}{extras}"]
    address = _without_secrets(url)
    if vcs:
        address = f"{vcs['vcs']}+{address}@{vcs['commit_id']}"
    if inside := origin.get("subdirectory"):
        address += f"#subdirectory={inside}"
    return [f"{_NAME}{extras} @ {address}"]


def _at(path: Path, extras: str) -> str:
    """Return the requirement for a folder or a file."""
    return f"{path}{extras}" if _is_plain(path) else f"{_NAME}{extras} @ {path.as_uri()}"


def _is_plain(path: Path) -> bool:
    """Return whether pip takes a path as it is, and a terminal shows it on one line.

    Behind a semicolon pip looks for a marker, and in brackets for extras; a URL escapes both.
    """
    return str(path).isprintable() and _MEANS_MORE.isdisjoint(str(path))


def _origin() -> dict[str, Any]:
    """Return what ``direct_url.json`` holds; nothing where there is none that can be read."""
    from importlib import metadata  # likewise

    # A checkout may hold metadata of its own (from a build), which come first and lack the file.
    for distribution in metadata.distributions(name=_NAME):
        with suppress(ValueError):  # a file that somebody else has written may hold anything
            origin = json.loads(distribution.read_text("direct_url.json") or "null")
            if isinstance(origin, dict) and urlsplit(origin.get("url", "")).path:
                return origin
    return {}


def _is_checkout(folder: Path) -> bool:
    """Tell a checkout from site-packages, and from a project that has a copy of the package."""
    with suppress(OSError, UnicodeError):
        return bool(_OUR_SETUP.search((folder / "setup.cfg").read_text("utf-8")))
    return False


def _without_secrets(url: SplitResult) -> str:
    """Return a URL without login, query and fragment; the user "git" of SSH is no secret."""
    login, _, place = url.netloc.rpartition("@")
    place = f"git@{place}" if login == "git" else place
    return urlunsplit(url._replace(netloc=place, query="", fragment=""))
