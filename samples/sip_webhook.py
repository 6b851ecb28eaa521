"""Answer the telephone: verify the webhook of an incoming SIP call, accept it, and join it.

    OPENAI_API_KEY=… OPENAI_WEBHOOK_SECRET=whsec_… python samples/sip_webhook.py --port 8000

The provider posts to this server's address, which must be reachable from outside (a reverse proxy
with TLS in front of it). ``--simulate`` shows it with the embedded server: a call is made to ring
there, and its webhook is signed and posted by this program itself.
"""

from __future__ import annotations

import argparse
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from realtime_sync import Local, NotFoundError, OpenAI, WebhookSignatureError
from realtime_sync.rest import RealtimeCallIncoming
from realtime_sync.rest.webhooks import sign

MODEL = "gpt-realtime-2"
GREETING = "Greet the caller and ask how you can help."
BLOCKED = {"sip:+19005550100@example.com"}
TEST_SECRET = "whsec_c2ltdWxhdGVk"
MAX_BODY = 1 << 20

Client = OpenAI | Local


def answer(client: Client, event: RealtimeCallIncoming) -> None:
    """Accept or reject one call, and say hello; runs in the thread of the request."""
    call_id = event.data.call_id
    caller = next((h.value for h in event.data.sip_headers if h.name.lower() == "from"), "?")
    if caller in BLOCKED:
        client.realtime.calls.reject(call_id, status_code=486)
        print(f"{caller}: busy")
        return
    try:
        client.realtime.calls.accept(
            call_id, type="realtime", model=MODEL, instructions="You are a friendly receptionist."
        )
    except NotFoundError:
        print(f"{caller}: hung up already")
        return
    print(f"{caller}: accepted")
    with client.realtime.connect(call_id=call_id) as connection:
        connection.response.create(response={"instructions": GREETING})
        for event_of_call in connection:  # until the call ends
            if event_of_call.type == "response.output_audio_transcript.done":
                print("assistant:", event_of_call.transcript)
            elif event_of_call.type == "response.done" and isinstance(client, Local):
                client.realtime.calls.hangup(call_id)  # nobody speaks in a simulated call
    print(f"{caller}: the call has ended")


def handler_for(client: Client, secret: str | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("content-length", 0)), MAX_BODY))
            try:
                event = client.webhooks.unwrap(body, self.headers, secret=secret)
            except WebhookSignatureError as error:
                print("refused:", error)
                self.send_error(400)
                return
            # The provider repeats what is not answered quickly: answer first, then talk.
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.wfile.flush()
            if isinstance(event, RealtimeCallIncoming):
                answer(client, event)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing but what this program says itself."""

    return Handler


def post(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        content: bytes = response.read()
        return content


def simulate() -> None:
    """Let a telephone ring at the embedded server, and deliver the webhooks."""
    with Local() as client:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(client, TEST_SECRET))
        server.daemon_threads = False  # so that server_close() waits for the calls
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        here = f"http://127.0.0.1:{server.server_port}"
        event = b""
        try:
            for caller in ("sip:+14155550123@example.com", *BLOCKED):
                hook = client.url.removesuffix("/v1") + "/test/incoming_calls"
                headers = [{"name": "From", "value": caller}]
                key = {"Authorization": f"Bearer {client.api_key}"}
                event = post(hook, json.dumps({"sip_headers": headers}).encode(), key)
                post(here, event, sign(event, secret=TEST_SECRET))
            try:
                post(here, event, sign(event, secret="somebody else's"))
            except OSError as error:
                print("a forged webhook:", error)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--simulate", action="store_true", help="needs no provider")
    options = parser.parse_args()
    if options.simulate:
        simulate()
        return
    with OpenAI() as client:
        server = ThreadingHTTPServer(("", options.port), handler_for(client, None))
        server.serve_forever()


if __name__ == "__main__":
    main()
