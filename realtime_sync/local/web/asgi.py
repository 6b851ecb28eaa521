"""The HTTP side: who may connect, to which model, and the few plain routes."""

from __future__ import annotations

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ..._types import JsonDict
from ..engine_set import EngineSet
from ..server_settings import ServerSettings
from .access import Access, Grant
from .calls import Call, OpenCalls
from .client_secrets import IssuedSecrets
from .conversation_service import serve_conversation
from .distiller_routes import DistillerRoutes
from .gate import gate
from .open_sessions import Doorkeeper, OpenSessions
from .refusals import no_call, refusal
from .rest_routes import RestRoutes
from .translation_service import serve_translation

__all__ = ["create_app"]

# Where the API stands: as OpenAI has it, and as Azure has, by its GA form and by the one before,
# whose clients name an api-version, and the model as "deployment".
_BASES = ("/v1", "/openai/v1", "/openai")


def create_app(
    settings: ServerSettings, engines: EngineSet, sessions: OpenSessions | None = None
) -> Starlette:
    """Return the ASGI application.

    Args:
        settings: what to serve, and to whom.
        engines: what hears, thinks and speaks; the caller opens and closes them.
        sessions: where the open sessions are known, for a caller that wants to end them; its limit
            counts, and by default that of ``settings``.
    """
    secrets = IssuedSecrets(settings.max_stored)
    calls = OpenCalls(settings.max_stored, limit_s=settings.session_limit_s)
    access = Access(settings.key, secrets)
    sessions = OpenSessions(settings.max_sessions) if sessions is None else sessions
    routes = _Routes(settings, engines, access, calls, sessions)
    return Starlette(
        routes=[
            *RestRoutes(settings, access, secrets, calls).routes(_BASES),
            *DistillerRoutes(settings, access, engines).routes(),
            Route("/healthz", routes.health),
            *(route for base in _BASES for route in routes.below(base)),
            WebSocketRoute("/{path:path}", routes.nowhere),
        ],
        middleware=[
            *gate(settings.caller_rules()),
            Middleware(Doorkeeper, sessions=sessions, hide=access.hide),
        ],
        exception_handlers={HTTPException: _http_error, ClientDisconnect: _nobody_reads},
    )


class _Routes:
    def __init__(
        self,
        settings: ServerSettings,
        engines: EngineSet,
        access: Access,
        calls: OpenCalls,
        sessions: OpenSessions,
    ) -> None:
        self._settings = settings
        self._engines = engines
        self._access = access
        self._calls = calls
        self._sessions = sessions

    def below(self, base: str) -> list[Route | WebSocketRoute]:
        """Return the routes of the API below a path such as ``"/v1"``."""
        return [
            Route(f"{base}/models", self.models),
            Route(f"{base}/realtime", self.upgrade_required),
            WebSocketRoute(f"{base}/realtime", self.realtime),
            WebSocketRoute(f"{base}/realtime/translations", self.translations),
        ]

    async def health(self, request: Request) -> JSONResponse:
        workers = self._engines.workers()
        status = "ok" if all(workers.values()) else "failing"
        if self._sessions.draining:
            status = "draining"
        return JSONResponse(
            {"status": status, "sessions": len(self._sessions), "workers": dict(workers)},
            status_code=200 if status == "ok" else 503,
        )

    async def models(self, request: Request) -> JSONResponse:
        grant = self._access.check(request)
        if not isinstance(grant, Grant):
            return grant
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "realtime_sync"}
            for name in self._settings.listed_models()
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def upgrade_required(self, request: Request) -> JSONResponse:
        return refusal(
            426,
            "This path speaks WebSocket: connect to it with ws:// or wss://.",
            "upgrade_required",
            headers={"Upgrade": "websocket"},
        )

    async def realtime(self, websocket: WebSocket) -> None:
        target = self._target(websocket, translates=False)
        if not isinstance(target, _Target):
            await websocket.send_denial_response(target)
            return
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol="realtime" if "realtime" in offered else None)
        await serve_conversation(
            websocket,
            self._engines,
            type=target.type,
            model=target.model,
            settings=self._settings,
            start=target.start,
            call=target.call,
        )

    async def translations(self, websocket: WebSocket) -> None:
        target = self._target(websocket, translates=True)
        if not isinstance(target, _Target):
            await websocket.send_denial_response(target)
            return
        assert target.model is not None
        await websocket.accept()
        await serve_translation(
            websocket,
            self._engines,
            model=target.model,
            settings=self._settings,
            audio=None if target.start is None else target.start["audio"],
        )

    async def nowhere(self, websocket: WebSocket) -> None:
        await websocket.send_denial_response(
            refusal(404, f"There is no {websocket.scope['path']}; try /v1/realtime.", "not_found")
        )

    def _target(self, websocket: WebSocket, *, translates: bool) -> _Target | JSONResponse:
        grant = self._access.check(websocket)
        if not isinstance(grant, Grant):
            return grant
        secret, query = grant.secret, websocket.query_params
        if secret is not None and secret.translates != translates:
            kind = "translations" if secret.translates else "conversations"
            return refusal(403, f"This client secret opens {kind}.", "insufficient_permissions")
        start = None if secret is None else secret.session
        call = None
        model = query.get("model", query.get("deployment"))
        if "call_id" in query and not translates:
            call = self._calls.find(query["call_id"])
            if call is None or call.state != "active":
                return no_call(query["call_id"])
            call.joined += 1
            start, model = call.session, None
        kind = "transcription" if query.get("intent") == "transcription" else "realtime"
        if model is None and start is not None:
            return _Target(start.get("type", kind), start.get("model"), start, call)
        if call is None:
            refused = self._check_model(model, optional=kind == "transcription" and not translates)
            if refused is not None:
                return refused
        if start is not None and "model" in start:
            start["model"] = model
        return _Target(kind, model, start, call)

    def _check_model(self, model: str | None, *, optional: bool) -> JSONResponse | None:
        if not model:
            if optional:
                return None
            return refusal(
                400,
                "Missing required parameter: 'model'. Connect to /v1/realtime?model=NAME.",
                "missing_required_parameter",
                param="model",
            )
        if not self._settings.knows(model):
            return refusal(404, self._settings.unknown(model), "model_not_found", param="model")
        return None


@frozen
class _Target:
    """What a WebSocket is for.

    Attributes:
        type: of the session, unless ``start`` says.
        model: the model's name; None for the server's own.
        start: the configuration to start with, or None for the type's own.
        call: what it joins.
    """

    type: str
    model: str | None
    start: JsonDict | None = None
    call: Call | None = None


async def _http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    return refusal(
        exc.status_code,
        f"{exc.detail}: {request.method} {request.scope['path']}",
        "not_found" if exc.status_code == 404 else "invalid_request",
    )


async def _nobody_reads(request: Request, exc: Exception) -> Response:
    """Answer a client that was gone, or given up, before its body was complete."""
    return Response(status_code=400)
