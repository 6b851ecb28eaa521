"""Twilio on loopback: its REST API for calls, and the calls themselves.

What is created by REST acts (`twilio_call`): it rings, asks the program for TwiML, performs it,
opens media streams with a signed upgrade, and posts signed status callbacks. A call from outside
comes with `TwilioService.call_in`. Sources:
https://www.twilio.com/docs/voice/api/call-resource
https://www.twilio.com/docs/usage/twilios-response
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

import requests
from guards import GUARD_S, Guard
from twilio_call import Options, SimulatedCall
from twilio_phone import ACCOUNT_SID, TwilioPhone

from realtime_sync.telephony import TwilioSignature

__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "BROKEN",
    "LOST_AFTER_PLACING",
    "SILENT_AFTER_PLACING",
    "TOO_MANY",
    "UNAUTHORIZED",
    "Fault",
    "RestRequest",
    "TwilioService",
]

_POLL_S = 0.01  # how long its end may take
AUTH_TOKEN = "7a1f0c2e9b8d4c6f8e7d6c5b4a392817"


@dataclass(frozen=True)
class RestRequest:
    """A request to the REST API: its method, its path below the account, its form."""

    method: str
    path: str
    form: dict[str, list[str]]


@dataclass(frozen=True)
class Fault:
    """What the next request to the REST API gets instead of its answer.

    Attributes:
        status: of the answer; 0 for none: the caller waits until it gives up; -1 for a link that
            ends without one.
        code, message: Twilio's.
        headers: of the answer.
        after: the request is done before, as when an answer is lost on its way.
    """

    status: int
    code: int = 0
    message: str = ""
    headers: Mapping[str, str] | None = None
    after: bool = False


UNAUTHORIZED = Fault(401, 20003, "Authenticate")
TOO_MANY = Fault(429, 20429, "Too Many Requests", {"Retry-After": "1"})
BROKEN = Fault(500, 20500, "An internal server error has occurred")
SILENT_AFTER_PLACING = Fault(0, after=True)
LOST_AFTER_PLACING = Fault(-1, after=True)


class TwilioService:
    """The service; a context manager that ends all its calls.

    Args:
        auth_token: of the account.

    Attributes:
        api_url: for `TwilioCalls`.
        calls: by their sid, in the order of their beginning.
        requests: what came to the REST API.
        faults: are taken from the front, one per request.
        outcomes: what becomes of a call, by its number; see `twilio_call.Options`.
        repeats: how often each webhook is sent.
        dial_outcome: what becomes of a ``<Dial>``.
    """

    def __init__(self, *, auth_token: str = AUTH_TOKEN) -> None:
        self.account_sid = ACCOUNT_SID
        self.auth_token = auth_token
        self.signature = TwilioSignature(auth_token)
        self.calls: dict[str, SimulatedCall] = {}
        self.requests: list[RestRequest] = []
        self.faults: list[Fault] = []
        self.outcomes: dict[str, str] = {}
        self.repeats = 1
        self.dial_outcome = "completed"
        self._routes: dict[str, str] = {}
        self._lock = threading.Lock()  # guards calls, requests and faults
        self._server = _Server(self)
        self.api_url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="twilio's api"
        )

    def __enter__(self) -> TwilioService:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        Guard().join(self._thread)
        self._server.server_close()  # joins what still answers
        for call in self.calls.values():
            call.end("caller")
        failures = [call for call in self.calls.values() if _ended_badly(call)]
        if failures and exc is None:
            failures[0].wait_ended()

    # -- what a test does --------------------------------------------------------------------------

    def route(self, public_url: str, local_url: str) -> None:
        """Reach a program at ``local_url`` under the URL that it has for Twilio.

        Args:
            public_url: such as ``"https://phone.example.com"``; what is signed begins with it.
            local_url: such as ``"http://127.0.0.1:8000"``.
        """
        self._routes[public_url] = local_url
        self._routes[_as_websocket(public_url)] = _as_websocket(local_url)
        # The longest first: media may be elsewhere than the rest.
        self._routes = dict(sorted(self._routes.items(), key=lambda each: -len(each[0])))

    def call_in(
        self,
        voice_url: str,
        *,
        from_: str = "+15550199",
        to: str = "+15550100",
        status_callback: str | None = None,
    ) -> SimulatedCall:
        """Call the number whose webhook is ``voice_url``."""
        options = Options(url=voice_url, status_callback=status_callback)
        return self._begin(SimulatedCall(self, to, from_, "inbound", options))

    @property
    def only_call(self) -> SimulatedCall:
        """The one call that there is."""
        (call,) = self.calls.values()
        return call

    # -- what a call does --------------------------------------------------------------------------

    def post(self, url: str, form: Mapping[str, str], token: str) -> tuple[int, str]:
        """Send a signed form to the program."""
        signed = self.signature.sign(url, form=form)
        with requests.Session() as session:
            session.trust_env = False  # no proxy lies between the two
            try:
                answer = session.post(
                    self._local(signed.url),
                    data=signed.body,
                    headers={
                        **signed.headers,
                        "User-Agent": "TwilioProxy/1.1",
                        "I-Twilio-Idempotency-Token": token,
                    },
                    timeout=GUARD_S,
                    allow_redirects=False,
                )
            except requests.RequestException:
                return 0, ""
            return answer.status_code, answer.text

    def open_phone(
        self, url: str, parameters: dict[str, str], call_sid: str, stream_sid: str
    ) -> TwilioPhone:
        """Open a media stream to the program."""
        signed = self.signature.sign(url)
        return TwilioPhone(
            self._local(signed.url),
            parameters=parameters,
            headers=signed.headers,
            call_sid=call_sid,
            stream_sid=stream_sid,
        )

    def _local(self, url: str) -> str:
        for public, local in self._routes.items():
            if url.startswith(public):
                return local + url.removeprefix(public)
        return url

    def _begin(self, call: SimulatedCall) -> SimulatedCall:
        with self._lock:
            self.calls[call.sid] = call
        call.start()
        return call

    # -- the REST API ------------------------------------------------------------------------------

    def answer(self, request: RestRequest, login: str | None) -> tuple[int, Any] | Fault:
        """Do what a request asks; return the status and the body of the answer."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not fault.after:
            return fault
        if login != f"{self.account_sid}:{self.auth_token}":
            return UNAUTHORIZED
        answer = self._answer(request)
        return answer if fault is None else fault

    def _answer(self, request: RestRequest) -> tuple[int, Any] | Fault:
        if (request.method, request.path) == ("POST", "/Calls.json"):
            return self._create(request.form)
        name = request.path.removeprefix("/Calls/").removesuffix(".json")
        call = self.calls.get(name)
        if call is None:
            path = f"/2010-04-01/Accounts/{self.account_sid}{request.path}"
            return Fault(404, 20404, f"The requested resource {path} was not found")
        return (
            self._update(call, request.form)
            if request.method == "POST"
            else (200, self._resource(call))
        )

    def _create(self, form: dict[str, list[str]]) -> tuple[int, Any] | Fault:
        for name, code in (("To", 21201), ("From", 21213)):
            if name not in form:
                return Fault(400, code, f"No '{name}' number is specified")
        if "Url" not in form and "Twiml" not in form:
            return Fault(400, 21205, "Url parameter is required.")
        to, from_ = form["To"][0], form["From"][0]
        call = SimulatedCall(
            self, to, from_, "outbound-api", _options(form, self.outcomes.get(to, "human"))
        )
        resource = self._resource(call)
        self._begin(call)
        return 201, resource

    def _update(self, call: SimulatedCall, form: dict[str, list[str]]) -> tuple[int, Any] | Fault:
        # As it is at the moment of the update; the call itself may be further by the answer.
        resource = self._resource(call)
        if form.get("Status", [""])[0] in ("completed", "canceled"):
            done = call.end("api")
            resource["status"] = "completed" if resource["status"] == "in-progress" else "canceled"
        elif "Twiml" in form or "Url" in form:
            done = call.redirect(_options(form, "human"))
        else:
            return Fault(400, 21218, "Invalid Status")
        if not done:
            return Fault(400, 21220, "Call is not in-progress. Cannot redirect.")
        return 200, resource

    def _resource(self, call: SimulatedCall) -> dict[str, Any]:
        """Return a call as the API has it, field for field."""
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Calls/{call.sid}"
        now = formatdate(usegmt=True).replace("GMT", "+0000")
        parts = ("events", "notifications", "recordings", "streams", "transcriptions", "payments")
        return {
            "sid": call.sid,
            "date_created": now,
            "date_updated": now,
            "parent_call_sid": None,
            "account_sid": self.account_sid,
            "to": call.to,
            "to_formatted": call.to,
            "from": call.from_,
            "from_formatted": call.from_,
            "phone_number_sid": None,
            "status": call.status,
            "start_time": now if call.status in ("in-progress", "completed") else None,
            "end_time": now if call.duration is not None else None,
            "duration": None if call.duration is None else str(call.duration),
            "price": None,
            "price_unit": "USD",
            "direction": call.direction,
            "answered_by": call.answered_by,
            "api_version": "2010-04-01",
            "annotation": None,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{uri}.json",
            "subresource_uris": {part: f"{uri}/{part.title()}.json" for part in parts},
        }


def _options(form: dict[str, list[str]], outcome: str) -> Options:
    def first(name: str) -> str | None:
        return form.get(name, [None])[0]  # type: ignore[list-item]

    url = first("Url")
    return Options(
        twiml=None if url is not None else first("Twiml"),  # the URL wins where there are both
        url=url,
        status_callback=first("StatusCallback"),
        status_events=tuple(form.get("StatusCallbackEvent", ["completed"])),
        machine_detection="MachineDetection" in form,
        machine_callback=first("AsyncAmdStatusCallback"),
        outcome=outcome,
    )


def _as_websocket(url: str) -> str:
    return "ws" + url.removeprefix("http")


def _ended_badly(call: SimulatedCall) -> bool:
    try:
        call.wait_ended()
    except BaseException:
        return True
    return False


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, service: TwilioService) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = GUARD_S
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            form = parse_qs(body.decode(), keep_blank_values=True)
        else:
            form = {}
        prefix = f"/2010-04-01/Accounts/{self.server.service.account_sid}"
        path = self.path.partition("?")[0]
        asked = RestRequest(self.command, path.removeprefix(prefix), form)
        answer = self.server.service.answer(asked, self._login())
        if isinstance(answer, Fault):
            self._fail(answer)
        else:
            self._write(answer[0], answer[1], {})

    def _login(self) -> str | None:
        scheme, _, coded = self.headers.get("Authorization", "").partition(" ")
        return base64.b64decode(coded).decode() if scheme == "Basic" else None

    def _fail(self, fault: Fault) -> None:
        if fault.status <= 0:
            if fault.status == 0:
                self.connection.recv(1)  # until the caller gives up
            self.close_connection = True
            return
        body = {
            "code": fault.code,
            "message": fault.message,
            "more_info": f"https://www.twilio.com/docs/errors/{fault.code}",
            "status": fault.status,
        }
        self._write(fault.status, body, fault.headers or {})

    def _write(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Twilio-Request-Id": "RQ0123456789"}
        for name, value in {**fields, **headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
