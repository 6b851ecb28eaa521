"""The command for a missing extra, by how the package came here."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hidden import assert_hidden

from realtime_sync import _installation
from realtime_sync._installation import install_command

REPOSITORY = Path(__file__).resolve().parents[2]
COMMIT = "4a4a5b0c8e1d2f3a4b5c6d7e8f9a0b1c2d3e4f5a"
GIT = {"vcs": "git", "requested_revision": "main", "commit_id": COMMIT}


class Installed:
    """A distribution, as importlib.metadata finds it."""

    def __init__(self, origin: object) -> None:
        self._text = origin if isinstance(origin, str) or origin is None else json.dumps(origin)

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._text


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Set what is installed, and that it runs from a folder like site-packages."""

    def install(*origins: object, root: Path = tmp_path) -> None:
        def distributions(*, name: str) -> list[Installed]:
            assert name == "realtime_sync"
            return [Installed(origin) for origin in origins]

        monkeypatch.setattr(metadata, "distributions", distributions)
        monkeypatch.setattr(_installation, "_ROOT", root)

    return install


def test_from_a_folder(installed: Any) -> None:
    installed({"url": "file:///srv/check%20out/it's", "dir_info": {}})
    command = install_command("audio", "local")
    assert shlex.split(command) == ["pip", "install", "/srv/check out/it's[audio,local]"]


def test_a_folder_is_quoted_for_shells_that_know_brackets(installed: Any) -> None:
    installed({"url": "file:///srv/checkout", "dir_info": {}})
    assert install_command("local") == "pip install '/srv/checkout[local]'"


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("a;b", "a%3Bb"), ("a#b", "a%23b"), ("a\nb", "a%0Ab"), ("[a]", "%5Ba%5D")],
)
def test_a_folder_that_pip_would_read_as_more_is_given_as_a_url(
    installed: Any, name: str, escaped: str
) -> None:
    installed({"url": f"file:///srv/{escaped}", "dir_info": {}})
    command = install_command("local")
    assert command == f"pip install 'realtime_sync[local] @ file:///srv/{escaped}'"
    assert shlex.split(command)[2:] == [f"realtime_sync[local] @ file:///srv/{escaped}"]
    assert name not in command


@pytest.mark.parametrize("name", ["a b", "it's", 'a"b', "$HOME `id` & (b)", "ü"])
def test_a_folder_is_quoted_as_the_shell_wants_it(installed: Any, name: str) -> None:
    installed({"url": f"file:///srv/{quote(name)}", "dir_info": {}})
    told = subprocess.run(
        ["sh", "-c", install_command("local").replace("pip install", "printf %s", 1)],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert told.stdout == f"/srv/{name}[local]"


def test_a_checkout_that_pip_would_read_as_more_is_given_as_a_url(
    installed: Any, tmp_path: Path
) -> None:
    root = tmp_path / "a;b"
    root.mkdir()
    (root / "setup.cfg").write_text("[metadata]\nname = realtime_sync\n")
    installed(None, root=root)
    assert install_command("mcp") == f"pip install 'realtime_sync[mcp] @ {root.as_uri()}'"
    installed({"url": root.as_uri(), "dir_info": {"editable": True}}, root=root)
    assert install_command("mcp") == f"pip install -e '{root.as_uri()}[mcp]'"


def test_from_a_wheel(installed: Any) -> None:
    installed({"url": "file:///tmp/realtime_sync-0.1.0-py3-none-any.whl", "archive_info": {}})
    assert install_command("local") == (
        "pip install '/tmp/realtime_sync-0.1.0-py3-none-any.whl[local]'"
    )


@pytest.mark.parametrize(
    ("url", "more", "requirement"),
    [
        ("https://example.com/a/b.git", {}, f"git+https://example.com/a/b.git@{COMMIT}"),
        (
            "https://me:hush@example.com/b.git",
            {"subdirectory": "python"},
            f"git+https://example.com/b.git@{COMMIT}#subdirectory=python",
        ),
        ("ssh://git@example.com/b.git", {}, f"git+ssh://git@example.com/b.git@{COMMIT}"),
        ("ssh://git:hush@example.com/b.git", {}, f"git+ssh://example.com/b.git@{COMMIT}"),
        ("file:///srv/b.git", {}, f"git+file:///srv/b.git@{COMMIT}"),
    ],
)
def test_from_a_repository_at_the_same_commit(
    installed: Any, url: str, more: dict[str, str], requirement: str
) -> None:
    installed({"url": url, "vcs_info": GIT, **more})
    assert shlex.split(install_command("mcp"))[2:] == [f"realtime_sync[mcp] @ {requirement}"]


def test_from_an_address_without_its_secrets(installed: Any) -> None:
    url = "https://me:hush@example.com:8443/x.whl?token=hush#sha256=hush"
    installed({"url": url, "archive_info": {}})
    command = install_command("local")
    assert command == "pip install 'realtime_sync[local] @ https://example.com:8443/x.whl'"
    assert_hidden(command, ["hush", "me:"])


@pytest.mark.parametrize(
    "record", [None, "", "no JSON", "[]", "{}", '{"dir_info": {}}', '{"url": "https://[/x.whl"}']
)
def test_from_an_index(installed: Any, record: str | None) -> None:
    installed(record)
    assert install_command("local") == "pip install 'realtime_sync[local]'"


def test_files_in_a_checkout_are_named_whatever_is_installed(
    installed: Any, tmp_path: Path
) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = realtime_sync\n")
    other = {"url": "file:///srv/other", "dir_info": {"editable": True}}
    for origins in ([], [None], [other]):
        installed(*origins)
        assert install_command("local") == f"pip install '{tmp_path}[local]'"


def test_an_editable_installation_stays_one(installed: Any, tmp_path: Path) -> None:
    """Also with the metadata of a build in the checkout, which are found first."""
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = realtime_sync\n")
    installed(None, {"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    assert install_command("local") == f"pip install -e '{tmp_path}[local]'"


def test_a_copy_in_another_project_is_no_checkout(installed: Any, tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = realtime_sync_user\n")
    installed()
    assert install_command("local") == "pip install 'realtime_sync[local]'"


def test_this_checkout_is_one() -> None:
    assert f"{REPOSITORY}[local]" in shlex.split(install_command("local"))


def test_it_costs_nothing_until_something_is_missing() -> None:
    code = (
        "import sys, realtime_sync._installation\n"
        "print({'importlib.metadata', 'urllib.request'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout == "set()\n"
