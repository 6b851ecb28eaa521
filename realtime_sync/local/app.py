"""The HTTP side: who may connect, to which model, and the few plain routes."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from .connection import Connection
from .interpreter import Interpreter
from .part_set import PartSet
from .settings import Settings

__all__ = ["create_app"]

_KEY_SUBPROTOCOL = "openai-insecure-api-key."  # how browsers, which can't set headers, pass a key


def create_app(settings: Settings, parts: PartSet) -> Starlette:
    """Return the ASGI application.

    Args:
        settings: what to serve, and to whom.
        parts: what hears, thinks and speaks; the caller opens and closes them.
    """
    routes = _Routes(settings, parts)
    return Starlette(
        routes=[
            Route("/healthz", routes.health),
            Route("/v1/models", routes.models),
            Route("/v1/realtime", routes.upgrade_required),
            WebSocketRoute("/v1/realtime", routes.realtime),
            WebSocketRoute("/v1/realtime/translations", routes.translations),
            WebSocketRoute("/{path:path}", routes.nowhere),
        ],
        exception_handlers={HTTPException: _http_error},
    )


class _Routes:
    def __init__(self, settings: Settings, parts: PartSet) -> None:
        self._settings = settings
        self._parts = parts

    async def health(self, request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def models(self, request: Request) -> JSONResponse:
        refused = self._check_key(request)
        if refused is not None:
            return refused
        listed = [
            {"id": name, "object": "model", "created": 0, "owned_by": "realtime_sync"}
            for name in self._settings.listed_models()
        ]
        return JSONResponse({"object": "list", "data": listed})

    async def upgrade_required(self, request: Request) -> JSONResponse:
        return _refusal(
            426,
            "This path speaks WebSocket: connect to it with ws:// or wss://.",
            "upgrade_required",
            headers={"Upgrade": "websocket"},
        )

    async def realtime(self, websocket: WebSocket) -> None:
        refused = self._check_key(websocket) or self._check_query(websocket)
        if refused is not None:
            await websocket.send_denial_response(refused)
            return
        query = websocket.query_params
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol="realtime" if "realtime" in offered else None)
        await Connection(
            websocket,
            self._parts,
            type="transcription" if query.get("intent") == "transcription" else "realtime",
            model=query.get("model"),
            session_limit_s=self._settings.session_limit_s,
        ).run()

    async def translations(self, websocket: WebSocket) -> None:
        refused = self._check_key(websocket) or self._check_query(websocket)
        if refused is None and not websocket.query_params.get("model"):
            refused = _refusal(
                400, "A translation needs 'model' in the query.", "missing_required_parameter"
            )
        if refused is not None:
            await websocket.send_denial_response(refused)
            return
        await websocket.accept()
        await Interpreter(
            websocket,
            self._parts,
            model=websocket.query_params["model"],
            session_limit_s=self._settings.session_limit_s,
        ).run()

    async def nowhere(self, websocket: WebSocket) -> None:
        await websocket.send_denial_response(
            _refusal(404, f"There is no {websocket.url.path}; try /v1/realtime.", "not_found")
        )

    def _check_key(self, connection: HTTPConnection) -> JSONResponse | None:
        key = self._settings.key
        if key is None or any(
            hmac.compare_digest(shown.encode(), key.encode()) for shown in _shown_keys(connection)
        ):
            return None
        return _refusal(
            401,
            "Incorrect API key provided. This is an embedded realtime_sync server: use the key "
            "it was started with.",
            "invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _check_query(self, websocket: WebSocket) -> JSONResponse | None:
        query = websocket.query_params
        if "call_id" in query:
            return _refusal(
                404, f"No call with id '{query['call_id']}'.", "call_not_found", param="call_id"
            )
        model = query.get("model")
        if not model:
            if query.get("intent") == "transcription":
                return None
            return _refusal(
                400,
                "Missing required parameter: 'model'. Connect to /v1/realtime?model=NAME.",
                "missing_required_parameter",
                param="model",
            )
        if not self._settings.knows(model):
            return _refusal(
                404,
                f"The model '{model}' does not exist. This server knows: "
                f"{', '.join(self._settings.models)}.",
                "model_not_found",
                param="model",
            )
        return None


def _shown_keys(connection: HTTPConnection) -> list[str]:
    shown = [connection.headers.get("api-key", "")]
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        shown.append(token.strip())
    offered = connection.scope.get("subprotocols", ())
    return shown + [
        name.removeprefix(_KEY_SUBPROTOCOL) for name in offered if name.startswith(_KEY_SUBPROTOCOL)
    ]


def _refusal(
    status: int,
    message: str,
    code: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }
    return JSONResponse({"error": error}, status_code=status, headers=headers)


async def _http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    return _refusal(
        exc.status_code,
        f"{exc.detail}: {request.method} {request.url.path}",
        "not_found" if exc.status_code == 404 else "invalid_request",
    )
