from __future__ import annotations

from realtime_sync._net.proxy import Proxy
from realtime_sync._net.secrets import Secrets


def test_what_counts_as_a_secret() -> None:
    secrets = Secrets(
        "wss://h/v1?model=a-long-model-name&api-key=in%20the%20query",
        {"Authorization": "Bearer in-a-header", "X-Tenant": "a-long-tenant-name"},
        ["a-subprotocol"],
        Proxy("http", "h", 80, ("a-user-name", "a-password")),
    )
    for secret in (
        "in%20the%20query",
        "in the query",
        "in-a-header",
        "a-subprotocol",
        "a-password",
    ):
        assert secrets.hide(f"<{secret}>") == "<***>"
        assert secrets.hide_bytes(f"<{secret}>".encode()) == b"<***>"
        assert secrets.are_in(f"<{secret}>")
    for word in ("a-long-model-name", "a-long-tenant-name", "a-user-name"):
        assert secrets.hide(word) == word
        assert not secrets.are_in(word)


def test_the_whole_goes_before_its_parts_and_short_values_are_words() -> None:
    secrets = Secrets("", {"Authorization": "Bearer in-a-header", "x-key": "eight888"})
    assert secrets.hide("Bearer in-a-header eight888 Bearer") == "*** *** Bearer"
    assert Secrets("", {"x-key": "seven77"}).hide("seven77") == "seven77"
