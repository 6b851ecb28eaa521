"""The embedded server as a provider of SIP calls: a caller who dials in, and what became of it."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from guards import Guard

from realtime_sync.rest.webhooks import sign

__all__ = ["SECRET", "SipProvider"]

SECRET = "whsec_dGhlIHRlc3RzJw=="


class SipProvider:
    """Calls come in at an embedded server, and their webhooks are signed as a provider does.

    Args:
        url: of the server, ending in ``/v1``.
        key: of the server.
        context: of a client, where the server speaks TLS.
    """

    def __init__(self, url: str, key: str, context: ssl.SSLContext | None = None) -> None:
        self._hook = url.removesuffix("/v1") + "/test/incoming_calls"
        self._calls = f"{url}/realtime/calls"
        self._key = key
        self._context = context

    def ring(self, caller: str = "sip:+1@x", **headers: str) -> tuple[str, bytes]:
        """Let a call come in; return its id, and the body of its webhook."""
        pairs = {"From": caller, **headers}
        sip_headers = [{"name": name, "value": value} for name, value in pairs.items()]
        body = self._ask(self._hook, {"sip_headers": sip_headers})
        event = json.loads(body)
        assert event["data"]["sip_headers"] == sip_headers
        call_id: str = event["data"]["call_id"]
        return call_id, body

    def state_of(self, call_id: str) -> dict[str, Any]:
        """Return what has become of a call."""
        state: dict[str, Any] = json.loads(self._ask(f"{self._hook}/{call_id}"))
        return state

    def wait_for(self, call_id: str, **expected: Any) -> None:
        """Wait until this is so of a call."""

        def is_so() -> bool:
            state = self.state_of(call_id)
            return all(state.get(name) == value for name, value in expected.items())

        Guard().until(is_so, f"{expected} of {call_id}")

    def say(self, call_id: str, pcm: bytes) -> None:
        """Have the caller say something: PCM16 at 24 kHz."""
        self._ask(f"{self._hook}/{call_id}/audio", {"audio": b64encode(pcm).decode()})

    def caller_hangs_up(self, call_id: str) -> None:
        """End a call from the other side."""
        self._ask(f"{self._calls}/{call_id}/hangup", {})

    def deliver(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Post a webhook to a program, signed unless ``headers`` say otherwise; return the answer.

        Args:
            url: of the program.
            body: of the webhook.
            headers: in place of those that prove it.
        """
        given = sign(body, secret=SECRET) if headers is None else headers
        request = urllib.request.Request(url, data=body, headers=dict(given))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=Guard().seconds) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code

    def _ask(self, url: str, body: object = None) -> bytes:
        request = urllib.request.Request(
            url,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._key}"},
        )
        with urllib.request.urlopen(
            request, timeout=Guard().seconds, context=self._context
        ) as answer:
            content: bytes = answer.read()
            return content
