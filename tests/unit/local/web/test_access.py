"""Who gets into the embedded server with a client secret, and until when."""

from __future__ import annotations

import json

import pytest
from guards import VirtualClock
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from realtime_sync import ServerError
from realtime_sync.local.web.access import Access, Grant
from realtime_sync.local.web.client_secrets import IssuedSecrets


def shows(key: str) -> HTTPConnection:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    return HTTPConnection({"type": "http", "headers": headers})


def test_other_ways_to_show_it() -> None:
    access = Access("the key", IssuedSecrets(10))
    for name, value in (("authorization", "bEARER  the key "), ("api-key", "the key")):
        scope = {"type": "http", "headers": [(name.encode(), value.encode())]}
        assert access.check(HTTPConnection(scope)) == Grant()
    for value in ("Basic the key", "the key", "Bearer"):
        scope = {"type": "http", "headers": [(b"authorization", value.encode())]}
        assert code_of(access.check(HTTPConnection(scope))) == "invalid_api_key"
    scope = {"type": "websocket", "headers": [], "subprotocols": ["openai-insecure-api-key.x"]}
    assert code_of(access.check(HTTPConnection(scope))) == "invalid_api_key"


def code_of(answer: Grant | JSONResponse | None) -> str:
    assert isinstance(answer, JSONResponse)
    code: str = json.loads(bytes(answer.body))["error"]["code"]
    return code


def test_a_secret_opens_until_it_expires(virtual_clock: VirtualClock) -> None:
    secrets = IssuedSecrets(10, virtual_clock)
    access = Access("the key", secrets)
    secret = secrets.make({"type": "realtime"}, lifetime_s=10)
    assert secret.value not in repr(secret)
    assert access.check(shows(secret.value)) == Grant(secret)
    assert code_of(access.check_key(shows(secret.value))) == "insufficient_permissions"
    virtual_clock.advance(9.9)
    assert access.check(shows(secret.value)) == Grant(secret)
    virtual_clock.advance(0.1)
    assert code_of(access.check(shows(secret.value))) == "client_secret_expired"
    virtual_clock.advance(3600)
    assert code_of(access.check(shows(secret.value))) == "client_secret_expired"
    secrets.make(None, lifetime_s=10)
    assert code_of(access.check(shows(secret.value))) == "invalid_api_key", "it is forgotten"


def test_the_keys_in_a_text_are_hidden() -> None:
    access = Access("the key + more", secrets := IssuedSecrets(10))
    secret = secrets.make(None, lifetime_s=10).value
    for key in ("the key + more", "the%20key%20%2B%20more", "the+key+%2B+more"):
        assert access.hide(f"/v1/{key}/realtime") == "/v1/***/realtime"
    assert access.hide(f"/v1/{secret}/realtime") == "/v1/ek_***/realtime"
    assert access.hide("/v1/week_days") == "/v1/week_days"
    assert Access(None, secrets).hide("/v1/realtime") == "/v1/realtime"


def test_the_key_and_no_key(virtual_clock: VirtualClock) -> None:
    secrets = IssuedSecrets(10, virtual_clock)
    assert Access("the key", secrets).check(shows("the key")) == Grant()
    assert Access("the key", secrets).check_key(shows("the key")) is None
    assert code_of(Access("the key", secrets).check(shows("ek_unknown"))) == "invalid_api_key"
    everybody = Access(None, secrets)
    assert everybody.check(shows("anything")) == Grant()
    secret = secrets.make(None, lifetime_s=10)
    assert everybody.check(shows(secret.value)) == Grant(secret)
    virtual_clock.advance(10)
    assert code_of(everybody.check(shows(secret.value))) == "client_secret_expired"


def test_secrets_that_have_expired_make_room_and_others_do_not(virtual_clock: VirtualClock) -> None:
    secrets = IssuedSecrets(2, virtual_clock)
    access = Access("the key", secrets)
    short = secrets.make({"type": "realtime"}, lifetime_s=10)
    long = secrets.make(None, lifetime_s=60)
    with pytest.raises(ServerError, match="keeps 2 client secrets"):
        secrets.make(None, lifetime_s=10)
    virtual_clock.advance(10)
    assert code_of(access.check(shows(short.value))) == "client_secret_expired"
    secrets.make(None, lifetime_s=10)
    assert code_of(access.check(shows(short.value))) == "invalid_api_key", "it is forgotten"
    assert access.check(shows(long.value)) == Grant(long)


def test_each_session_of_a_secret_has_a_configuration_of_its_own() -> None:
    secret = IssuedSecrets(1).make({"audio": {}}, lifetime_s=10)
    first = secret.session
    assert first == {"audio": {}}
    first["audio"]["input"] = {}
    assert secret.session == {"audio": {}}
