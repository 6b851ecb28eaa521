"""A client whose calls are a script, too: what is done with them, and what is to fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sip_calls import SECRET

from realtime_sync.errors import NotFoundError
from realtime_sync.rest import Webhooks
from realtime_sync.rest.webhooks import sign
from realtime_sync.testing import ScriptedClient, ScriptedServer, ScriptError, close_link

__all__ = ["ScriptedCalls", "gone", "sip_client", "webhook"]


def gone() -> NotFoundError:
    """Return what a provider answers about a call that is over."""
    return NotFoundError("No call with id 'rtc_1'.", 404)


class ScriptedCalls:
    """``client.realtime.calls`` without a network.

    Attributes:
        done: what was done, in its order: ``("accept", "rtc_1", {…})``.
        failures: what the next call of a method raises.
        before: is called before a method does anything.
    """

    def __init__(self, server: ScriptedServer) -> None:
        self.done: list[tuple[str, str, dict[str, Any]]] = []
        self.failures: dict[str, BaseException] = {}
        self.before: Callable[[str], object] = lambda name: None
        self._server = server
        self._lock = threading.Lock()  # guards done

    def names(self) -> list[str]:
        """Return what was done, without its details."""
        with self._lock:
            return [name for name, _, _ in self.done]

    def accept(self, call_id: str, **body: Any) -> None:
        self._do("accept", call_id, body)

    def reject(self, call_id: str, **body: Any) -> None:
        self._do("reject", call_id, body)

    def refer(self, call_id: str, **body: Any) -> None:
        self._do("refer", call_id, body)
        self._end()

    def hangup(self, call_id: str) -> None:
        self._do("hangup", call_id, {})
        self._end()

    def _do(self, name: str, call_id: str, body: dict[str, Any]) -> None:
        self.before(name)
        with self._lock:
            self.done.append((name, call_id, body))
        if (failure := self.failures.pop(name, None)) is not None:
            raise failure

    def _end(self) -> None:
        with suppress(ScriptError):  # nobody has joined
            self._server.emit(close_link(1000, "the call has ended"))


def sip_client(server: ScriptedServer) -> tuple[ScriptedClient, ScriptedCalls]:
    """Return a client of a scripted server, and its calls."""
    client, calls = ScriptedClient(server), ScriptedCalls(server)
    client.realtime.__dict__["calls"] = calls  # in the place of the cached property
    client.__dict__["webhooks"] = Webhooks(SECRET)
    return client, calls


def webhook(
    call_id: str = "rtc_1", caller: str = "sip:+14155550123@example.com"
) -> tuple[bytes, dict[str, str]]:
    """Return the webhook of an incoming call: its body and its headers."""
    data = {"call_id": call_id, "sip_headers": [{"name": "From", "value": caller}]}
    body = json.dumps({"type": "realtime.call.incoming", "data": data}).encode()
    return body, sign(body, secret=SECRET)
