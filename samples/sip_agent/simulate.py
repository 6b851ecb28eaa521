"""Callers for the app of this folder, without a telephone: the embedded server is the provider.

    python -m samples.sip_agent.simulate

It lets calls come in at the embedded server, signs their webhooks, and posts them to the app. The
callers speak from WAV files.
"""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

from werkzeug.serving import make_server

from realtime_sync import Local
from realtime_sync.audio.wav import read_wav
from realtime_sync.rest.webhooks import sign

from .agents import tell

HERE = Path(__file__).parent
SPOKEN = HERE.parent / "agents_handoff"
SECRET = "whsec_c2ltdWxhdGVk"
PHRASES = ["where is my order", "i want my money back", "thank you and goodbye"]
CALLERS = {
    "+14155550101": "goodbye",  # the agent hangs up
    "+14155550102": "refund",  # the agent hands over
    "+14155550103": "order",  # the caller listens to the answer, and hangs up
    "+19005550100": None,  # is blocked
}
SILENCE = bytes(48 * 700)  # PCM16 at 24 kHz; so long a pause ends a turn
PATIENCE_S = 30.0
LISTENS_S = 3.0


class Provider:
    """The provider's side of the calls.

    Args:
        server: where calls come in.
        webhook: the app's address.
    """

    def __init__(self, server: Local, webhook: str) -> None:
        self._url = server.url
        self._calls = server.url.removesuffix("/v1") + "/test/incoming_calls"
        self._key = {"Authorization": f"Bearer {server.api_key}"}
        self._webhook = webhook

    def call(self, number: str, says: str | None) -> None:
        """Dial in, say something when the agent listens, and wait for the end."""
        headers = [{"name": "From", "value": f"<sip:{number}@example.com>"}]
        event = self._post(self._calls, {"sip_headers": headers})
        call_id = json.loads(event)["data"]["call_id"]
        for _ in range(2):  # a provider repeats what it takes to be lost
            ask(self._webhook, event, sign(event, secret=SECRET))
        if says is not None:
            self._wait(call_id, "joined", 1)
            sound = read_wav(str(SPOKEN / f"{says}.wav")) + SILENCE
            self._post(f"{self._calls}/{call_id}/audio", {"audio": b64encode(sound).decode()})
        if says == "order":
            time.sleep(LISTENS_S)
            self._post(f"{self._url}/realtime/calls/{call_id}/hangup", {})
        tell(number, f"the provider says {self._wait(call_id, 'state', 'ended')}")

    def _post(self, url: str, fields: dict[str, object]) -> bytes:
        return ask(url, json.dumps(fields).encode(), self._key)

    def _wait(self, call_id: str, name: str, value: object) -> dict[str, object]:
        give_up = time.monotonic() + PATIENCE_S
        state: dict[str, object] = {}
        while state.get(name) != value:
            if time.monotonic() > give_up:
                raise TimeoutError(f"{name} of the call is not {value}: {state}")
            time.sleep(0.05)
            state = json.loads(ask(f"{self._calls}/{call_id}", None, self._key))
        return state


def ask(url: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    """Post something, or get what is there."""
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        content: bytes = answer.read()
        return content


def main() -> None:
    """Have all callers call at once."""
    with Local(responder=f"scripted:{HERE / 'desk.yaml'}", grammar=PHRASES) as server:
        os.environ["OPENAI_API_KEY"] = server.api_key
        os.environ["OPENAI_BASE_URL"] = server.url
        os.environ["OPENAI_WEBHOOK_SECRET"] = SECRET
        from .app import app, calls  # reads them

        web = make_server("127.0.0.1", 0, app, threaded=True)
        serving = threading.Thread(target=web.serve_forever)
        serving.start()
        provider = Provider(server, f"http://127.0.0.1:{web.server_port}/webhook")
        try:
            with calls:
                callers = [
                    threading.Thread(target=provider.call, args=caller)
                    for caller in CALLERS.items()
                ]
                for thread in callers:
                    thread.start()
                for thread in callers:
                    thread.join()
        finally:
            web.shutdown()
            serving.join()
            web.server_close()


if __name__ == "__main__":
    main()
