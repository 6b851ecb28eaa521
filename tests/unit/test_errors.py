from __future__ import annotations

import inspect
import pickle

import pytest

from realtime_sync import errors
from realtime_sync.errors import (
    ApiError,
    AuthenticationError,
    CallUnknownError,
    ConfigError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    FormatError,
    LocalProtocolError,
    RealtimeError,
    RealtimeTimeout,
    ServerError,
    ToolTimeoutError,
    TransportError,
    WebSocketRefused,
)

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if cls.__module__ == errors.__name__
]


def make(cls: type[RealtimeError]) -> RealtimeError:
    """One with every field set, so that a field which a copy loses is seen."""
    if issubclass(cls, ConnectionClosed):
        closed = cls(4000, "the reason", True, ("unsent",), "this side")
        closed.note("a detail")
        return closed
    if issubclass(cls, ServerError):
        return cls("no such item", "invalid_request_error", "not_found", "item_id", "event_7")
    if issubclass(cls, ApiError):
        return cls("no", 418, "req_1", {"error": {"message": "no"}}, 2.5)
    if issubclass(cls, ToolTimeoutError):
        return cls("look_up", 2.5)
    if issubclass(cls, CallUnknownError):
        return cls("+15550100", "500: no words")
    if issubclass(cls, WebSocketRefused):
        return cls("no room", 503, (("Retry-After", "5"),))
    return cls("what is wrong and what to do next")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_survives_a_pickle(cls: type[RealtimeError]) -> None:
    error = make(cls)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
    assert copy.args == error.args


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_public_documented_and_under_the_root(cls: type[RealtimeError]) -> None:
    assert issubclass(cls, RealtimeError)
    assert cls.__name__ in errors.__all__
    assert cls.__doc__


def test_what_programs_already_catch_still_catches() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(FormatError, ValueError)
    assert issubclass(RealtimeTimeout, TimeoutError)
    assert issubclass(ConnectionClosedOK, ConnectionClosed)
    assert issubclass(ConnectionClosedError, ConnectionClosed)
    assert issubclass(ConnectionClosed, TransportError)
    assert not issubclass(ConnectionClosedOK, ConnectionClosedError)
    assert not issubclass(LocalProtocolError, TransportError)


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1015, 4001])
def test_who_closed_is_told_also_where_only_the_code_is_known(code: int) -> None:
    expected = "the network" if code in (1006, 1015) else "the server"
    assert ConnectionClosedError(code).closed_by == expected


def opened_by(closed: ConnectionClosed, call: str) -> ConnectionClosed:
    closed.opened_by = call
    return closed


def test_what_opens_another_outlives_copies_and_pickles() -> None:
    closed = opened_by(ConnectionClosedOK(), "runner.run()")
    assert (closed.copy().opened_by, ConnectionClosedOK().opened_by) == (
        "runner.run()",
        "connect()",
    )
    assert pickle.loads(pickle.dumps(closed)).opened_by == "runner.run()"


def test_a_copy_is_equal_but_for_what_is_changed() -> None:
    closed = make(ConnectionClosedError)
    assert isinstance(closed, ConnectionClosed)
    closed.__cause__ = ValueError()
    copy = closed.copy()
    assert copy is not closed
    assert (vars(copy), copy.args, copy.__cause__) == (vars(closed), closed.args, closed.__cause__)
    assert closed.copy(unsent=("a",)).unsent == ("a",)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionClosedError(),
            (
                "connection closed with code 1006 (the link broke); connect again, or pass "
                "reconnect=ReconnectPolicy()"
            ),
        ),
        (
            ConnectionClosedOK(1000, "bye", closed_by="this side"),
            "connection closed with code 1000: bye (closed by this side); connect() opens another",
        ),
        (
            opened_by(ConnectionClosedOK(1000, closed_by="this side"), "runner.run()"),
            "connection closed with code 1000 (closed by this side); runner.run() opens another",
        ),
        (
            opened_by(ConnectionClosedError(), "runner.run()"),
            "connection closed with code 1006 (the link broke); runner.run() opens another",
        ),
        (
            ConnectionClosedError(1012, "restart", reconnecting=True),
            (
                "connection closed with code 1012: restart (closed by the server); "
                "reconnecting, so ask again"
            ),
        ),
        (
            ConnectionClosedError(1008, "wrong model"),
            (
                "connection closed with code 1008: wrong model (closed by the server); "
                "the server's words say what to change"
            ),
        ),
        (
            ConnectionClosedError(1009, "too large", closed_by="this side"),
            (
                "connection closed with code 1009: too large (closed by this side); "
                "raise max_size, or send less in one message"
            ),
        ),
        (ServerError("too long"), "server_error: too long"),
        (
            ServerError("no such voice", code="invalid_value", param="session.voice"),
            "invalid_value: no such voice (param 'session.voice')",
        ),
        (AuthenticationError("wrong key", 401), "wrong key (http status 401)"),
    ],
)
def test_the_message_says_what_happened(error: RealtimeError, text: str) -> None:
    assert str(error) == text
