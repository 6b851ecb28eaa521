from __future__ import annotations

import asyncio
import io
import logging

import pytest
from starlette.requests import ClientDisconnect

from realtime_sync.local.web.server_log import logging_to_stderr

OURS = logging.getLogger("realtime_sync.local")
THEIRS = logging.getLogger("uvicorn.error")


@pytest.mark.parametrize(
    ("level", "ours", "theirs"),
    [("debug", 4, 2), ("info", 3, 2), ("warning", 2, 2), ("error", 1, 1)],
)
def test_levels(level: str, ours: int, theirs: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Other libraries' lines below a warning hold what clients send."""
    with logging_to_stderr(level):
        for logger in (OURS, THEIRS):
            for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
                logger.log(number, "line")
    lines = capsys.readouterr().err.splitlines()
    assert sum("realtime_sync.local: line" in line for line in lines) == ours
    assert sum("uvicorn.error: line" in line for line in lines) == theirs
    OURS.error("afterwards")
    assert "afterwards" not in capsys.readouterr().err


def test_an_exception_is_shown_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("warning"):
        try:
            raise KeyError("marmalade")
        except KeyError:
            OURS.warning("a response failed", exc_info=True)
    text = capsys.readouterr().err
    assert "WARNING realtime_sync.local: a response failed\n" in text
    assert "test_an_exception_is_shown_without_its_words" in text
    assert text.endswith("builtins.KeyError (its message is left out)\n")
    assert "KeyError: 'marmalade'" not in text


@pytest.mark.parametrize("kind", [ClientDisconnect, asyncio.CancelledError])
def test_what_is_no_fault_is_not_told(
    kind: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to_stderr("debug"):
        THEIRS.error("ASGI callable returned without completing handshake.")
        THEIRS.warning("Invalid HTTP request received.")
        THEIRS.warning("Unsupported upgrade request.")
        THEIRS.error("Cancel %s running task(s), timeout graceful shutdown exceeded", 1)
        try:
            raise kind
        except kind:
            THEIRS.exception("Exception in ASGI application\n")
    assert capsys.readouterr().err == ""


def test_other_handlers_keep_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that serves in its own process has a log of its own."""
    own = io.StringIO()
    handlers = [logging.StreamHandler(own), logging.StreamHandler(own)]
    try:
        OURS.addHandler(handlers[0])
        with logging_to_stderr("warning"):
            logging.getLogger().addHandler(handlers[1])  # behind the server's
            try:
                raise KeyError("marmalade")
            except KeyError:
                OURS.exception("a response failed")
    finally:
        OURS.removeHandler(handlers[0])
        logging.getLogger().removeHandler(handlers[1])
    assert own.getvalue().count("KeyError: 'marmalade'") == 2
    assert "KeyError: 'marmalade'" not in capsys.readouterr().err


def test_an_exception_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("warning"):
        OURS.warning("a response failed", exc_info=(None, None, None))
    assert capsys.readouterr().err.endswith("an exception (its message is left out)\n")


def test_levels_are_as_before_afterwards() -> None:
    before = logging.getLogger().level, OURS.level
    try:
        logging.getLogger().setLevel(logging.CRITICAL)
        OURS.setLevel(logging.ERROR)
        with logging_to_stderr("debug"):
            assert OURS.level == logging.DEBUG
        assert (logging.getLogger().level, OURS.level) == (logging.CRITICAL, logging.ERROR)
    finally:
        logging.getLogger().setLevel(before[0])
        OURS.setLevel(before[1])
