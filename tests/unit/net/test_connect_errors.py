"""What the doors say alike; who says it when is tested with real links."""

from __future__ import annotations

import errno
import ssl

import pytest

from realtime_sync._net.connect_errors import Place, no_link, no_tls, refusal, refused_by_proxy
from realtime_sync._net.proxy import Proxy
from realtime_sync._net.secrets import Secrets
from realtime_sync.errors import AuthenticationError

DIRECT = Place("api.example", 443)
THROUGH = Place("::1", 443, Proxy("http", "proxy.example", 3128, ("me", "hush")))


def test_places() -> None:
    assert (str(DIRECT), DIRECT.first) == ("api.example:443", ("api.example", 443))
    assert str(THROUGH) == "[::1]:443 (proxy proxy.example:3128)"
    assert (THROUGH.server, THROUGH.first) == ("[::1]:443", ("proxy.example", 3128))
    assert "hush" not in repr(THROUGH)


@pytest.mark.parametrize(
    ("exc", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Refused"), "is the server running"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), ": Network is unreachable;"),
        (OSError("without a number"), ": without a number;"),
        (ValueError("may hold a secret"), ": ValueError;"),
    ],
)
def test_no_link(exc: Exception, words: str) -> None:
    assert words in str(no_link(exc, DIRECT))
    assert "api.example:443" in str(no_link(exc, DIRECT))


def test_no_tls() -> None:
    """It is the server's, whatever lies on the way."""
    for reason, words in (
        ("WRONG_VERSION_NUMBER", "does not speak TLS; use ws:// for"),
        ("NO_SHARED_CIPHER", "(NO_SHARED_CIPHER); check the port"),
        (None, "(the link ended); check the port"),
    ):
        exc = ssl.SSLError()
        exc.reason = reason  # type: ignore[assignment]  # OpenSSL has none for a cut link
        message = str(no_tls(exc, THROUGH, "ws://"))
        assert words in message
        assert "[::1]:443" in message
        assert "proxy" not in message


def test_a_proxy_that_refuses() -> None:
    assert "status 403; check that it may reach" in str(refused_by_proxy(THROUGH, 403))
    assert "status 407; give it a user name" in str(refused_by_proxy(THROUGH, 407))


def test_a_refusal_hides_what_the_server_repeats() -> None:
    secrets = Secrets("", {"Authorization": "Bearer a-long-key"})
    headers = [("X-Request-Id", "req_1"), ("X-Echo", "a-long-key")]
    error = refusal(401, headers, b'{"error": {"message": "bad key a-long-key"}}', secrets)
    assert isinstance(error, AuthenticationError)
    assert error.request_id == "req_1"
    assert error.message == "bad key ***"
    assert "a-long-key" not in repr(vars(error))
