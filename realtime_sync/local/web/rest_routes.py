"""The REST routes: client secrets and calls.

A call has a state and can be joined by a WebSocket (``?call_id=…``), but no media: the SDP answer
leads nowhere, and nobody dials in. ``POST /test/incoming_calls`` makes a call that rings, and
answers with the body of the webhook that a provider would send. Below that path ``POST …/audio`` is
what the caller says to who joins the call, and ``GET`` tells what has become of it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..._types import JsonDict
from ...errors import ServerError
from ..protocol.conversation_config import start_session
from ..protocol.translation_config import start_translation
from ..protocol.validation import Strict, check, refuse
from ..protocol.wire import fault, new_id
from ..server_settings import ServerSettings
from .access import Access, Grant
from .bodies import read_json, read_offer
from .calls import Call, OpenCalls, incoming_event
from .client_secrets import IssuedSecrets, check_lifetime
from .refusals import json_answer, no_call, refusal, refusal_of, request_id
from .sdp import answer_to

__all__ = ["RestRoutes"]

Handler = Callable[["RestRoutes", Request], Awaitable[Response]]


def _target(value: str) -> str:
    if not value.startswith(("tel:", "sip:", "sips:")):
        raise refuse("expected a URI such as 'tel:+14155550123' or 'sip:agent@example.com'")
    return value


class _Secret(Strict):
    expires_after: Any = None
    session: Any = None


class _Reject(Strict):
    status_code: int = Field(default=603, ge=300, le=699)


class _Refer(Strict):
    target_uri: Annotated[str, Field(max_length=2000), AfterValidator(_target)]


class _SipHeader(Strict):
    name: str
    value: str


class _Said(Strict):
    audio: str = Field(min_length=1)


class _Incoming(Strict):
    sip_headers: list[_SipHeader] = Field(default_factory=list)


def _needs_key(handler: Handler) -> Handler:
    """Refuse clients without the key, and turn a breach of a rule into an answer."""

    @functools.wraps(handler)
    async def wrapped(self: RestRoutes, request: Request) -> Response:
        refused = self.access.check_key(request)
        return refused or await _answered(handler(self, request))

    return wrapped


async def _answered(work: Awaitable[Response]) -> Response:
    try:
        return await work
    except ServerError as error:
        return refusal_of(error)


class RestRoutes:
    """The handlers.

    Args:
        settings: of the server.
        access: tells who may do what.
        secrets: where client secrets are kept.
        calls: where calls are kept.
    """

    def __init__(
        self, settings: ServerSettings, access: Access, secrets: IssuedSecrets, calls: OpenCalls
    ) -> None:
        self.access = access
        self._settings = settings
        self._secrets = secrets
        self._calls = calls

    def routes(self, bases: Sequence[str]) -> list[Route]:
        """Return what to add to the application.

        Args:
            bases: the paths below which the API stands, such as ``"/v1"``.
        """
        paths = {
            "/realtime/client_secrets": self.create_secret,
            "/realtime/translations/client_secrets": self.create_translation_secret,
            "/realtime/calls": self.create_call,
            "/realtime/calls/{call_id}/accept": self.accept,
            "/realtime/calls/{call_id}/reject": self.reject,
            "/realtime/calls/{call_id}/refer": self.refer,
            "/realtime/calls/{call_id}/hangup": self.hangup,
        }
        api = {base + path: paths[path] for base in bases for path in paths}
        api["/test/incoming_calls"] = self.ring
        api["/test/incoming_calls/{call_id}/audio"] = self.hear
        told = Route("/test/incoming_calls/{call_id}", self.tell, methods=["GET"])
        return [told, *(Route(path, api[path], methods=["POST"]) for path in api)]

    @_needs_key
    async def create_secret(self, request: Request) -> Response:
        """Make a secret for a conversation or a transcription."""
        body = check(_Secret, await read_json(request), "")
        lifetime_s = check_lifetime(body.get("expires_after"))
        given = body.get("session")
        session = self._start({"type": "realtime"} if given is None else given)
        secret = self._secrets.make(None if given is None else session, lifetime_s=lifetime_s)
        kind = "transcription_session" if session["type"] == "transcription" else "session"
        shown = {"id": new_id("sess"), "object": f"realtime.{kind}", "expires_at": 0, **session}
        return json_answer(
            {"value": secret.value, "expires_at": secret.expires_at, "session": shown}
        )

    @_needs_key
    async def create_translation_secret(self, request: Request) -> Response:
        """Make a secret for a translation."""
        body = check(_Secret, await read_json(request), "")
        lifetime_s = check_lifetime(body.get("expires_after"))
        session = start_translation(body.get("session"))
        self._check_model(session["model"])
        secret = self._secrets.make(session, lifetime_s=lifetime_s, translates=True)
        shown = {
            "id": new_id("sess"),
            "type": "translation",
            "expires_at": secret.expires_at,
            **session,
        }
        return json_answer(
            {"value": secret.value, "expires_at": secret.expires_at, "session": shown}
        )

    async def create_call(self, request: Request) -> Response:
        """Begin a call over WebRTC; a client secret may do that, too."""
        grant = self.access.check(request)
        if not isinstance(grant, Grant):
            return grant
        return await _answered(self._create_call(request, grant))

    async def _create_call(self, request: Request, grant: Grant) -> Response:
        offer, given = await read_offer(request)
        session = None if grant.secret is None else grant.secret.session
        if given is not None:
            session = self._start(given)
        answer = answer_to(offer)
        call = self._calls.begin(session)
        location = {"Location": f"{request.url.path}/{call.id}"}
        return Response(
            answer, 201, media_type="application/sdp", headers={**request_id(), **location}
        )

    @_needs_key
    async def accept(self, request: Request) -> Response:
        """Take a call that rings."""
        body = await read_json(request)
        call = self._find(request)
        if not isinstance(call, Call):
            return call
        session = self._start(body)
        if call.state != "ringing":
            return _wrong_state(call, "it was accepted already")
        self._calls.accept(call, session)
        return _nothing()

    @_needs_key
    async def reject(self, request: Request) -> Response:
        """Refuse a call that rings."""
        body = check(_Reject, await read_json(request), "")
        call = self._find(request)
        if not isinstance(call, Call):
            return call
        if call.state != "ringing":
            return _wrong_state(call, "it was accepted already; hang up instead")
        self._calls.end(call, "reject", status_code=_Reject(**body).status_code)
        return _nothing()

    @_needs_key
    async def refer(self, request: Request) -> Response:
        """Hand a call over, which ends it here."""
        body = check(_Refer, await read_json(request), "")
        call = self._find(request)
        if not isinstance(call, Call):
            return call
        if call.state != "active":
            return _wrong_state(call, "it still rings: accept it first")
        self._calls.end(call, "refer", **body)
        return _nothing()

    @_needs_key
    async def hangup(self, request: Request) -> Response:
        """End a call."""
        call = self._find(request)
        if not isinstance(call, Call):
            return call
        self._calls.end(call, "hangup")
        return _nothing()

    @_needs_key
    async def ring(self, request: Request) -> Response:
        """Make a call that rings, for tests."""
        body = check(_Incoming, await read_json(request), "")
        return json_answer(incoming_event(self._calls.ring(), body.get("sip_headers", [])), 201)

    @_needs_key
    async def hear(self, request: Request) -> Response:
        """Let the caller say something, for tests."""
        body = check(_Said, await read_json(request), "")
        call = self._find(request)
        if not isinstance(call, Call):
            return call
        if call.said.full():
            return _wrong_state(call, "nobody has heard yet what was said before")
        call.said.put_nowait(body["audio"])
        return _nothing()

    @_needs_key
    async def tell(self, request: Request) -> Response:
        """Tell what has become of a call, for tests."""
        call_id = request.path_params["call_id"]
        state = self._calls.state_of(call_id)
        return no_call(call_id) if state is None else json_answer(state)

    def _find(self, request: Request) -> Call | JSONResponse:
        call_id = request.path_params["call_id"]
        return self._calls.find(call_id) or no_call(call_id)

    def _start(self, given: Any) -> JsonDict:
        session = start_session(
            given, default_model=next(iter(self._settings.listed_models()), None)
        )
        self._check_model(session.get("model"))
        return session

    def _check_model(self, model: str | None) -> None:
        if model is not None and not self._settings.knows(model):
            raise fault(
                self._settings.unknown(model), code="model_not_found", param="session.model"
            )


def _nothing() -> Response:
    return Response(status_code=200, headers=request_id())


def _wrong_state(call: Call, why: str) -> JSONResponse:
    return refusal(409, f"Call '{call.id}': {why}.", "call_in_wrong_state", param="call_id")
