"""The routes of AI Refinery's Realtime Distiller: projects, and sessions of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..._types import JsonDict
from ...errors import ConfigError, ServerError
from ..distiller.voice_project import parse_config, read_project
from ..distiller.voice_session import error_message
from ..engine_set import EngineSet
from ..protocol.validation import wrong_type
from ..protocol.wire import fault
from ..server_settings import ServerSettings
from .access import Access
from .bodies import read_json
from .refusals import json_answer, refusal, refusal_of
from .voice_service import serve_voice

__all__ = ["DistillerRoutes"]

_NOT_FOUND = "project_not_found"
_ACCOUNT = "local"  # there is one, whoever has the key
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_VERSION = re.compile(r"[0-9]{1,9}")


class DistillerRoutes:
    """The handlers.

    Args:
        settings: of the server.
        access: tells who may do what.
        engines: what hears, thinks and speaks, and the projects.
    """

    def __init__(self, settings: ServerSettings, access: Access, engines: EngineSet) -> None:
        self._settings = settings
        self._access = access
        self._engines = engines
        self._users: set[tuple[str, str]] = set()  # project and uuid of the open sessions

    def routes(self) -> list[BaseRoute]:
        """Return what to add to the application."""
        paths = {
            "/authentication/validate": self._account,
            "/distiller/create": self._create,
            "/distiller/config/validate": self._validate,
            "/distiller/download": self._download,
        }
        return [
            *(Route(path, self._checked(work), methods=["POST"]) for path, work in paths.items()),
            WebSocketRoute("/distiller/realtime/{account}/{project}/{uuid}", self._talk),
        ]

    def _checked(
        self, work: Callable[[JsonDict], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler that does ``work`` for those who have the key."""

        async def handler(request: Request) -> Response:
            refused = self._access.check_key(request)
            if refused is not None:
                return refused
            try:
                return await work(await read_json(request))
            except ServerError as error:
                if error.code == _NOT_FOUND:
                    return refusal(404, error.message, _NOT_FOUND, param=error.param)
                return refusal_of(error)
            except ConfigError as exc:  # of the folder or of a file in it
                return refusal(500, str(exc), "projects_unavailable")

        return handler

    async def _account(self, body: JsonDict) -> Response:
        return json_answer({"organization_id": _ACCOUNT})

    async def _create(self, body: JsonDict) -> Response:
        name = _name(body.get("project"), "project")
        config = await asyncio.to_thread(_checked_config, body)
        version = await asyncio.to_thread(self._engines.projects.add, name, config)
        return json_answer({"project": name, "project_version": str(version)}, 201)

    async def _validate(self, body: JsonDict) -> Response:
        await asyncio.to_thread(_checked_config, body)
        return json_answer({"message": "The configuration is valid."})

    async def _download(self, body: JsonDict) -> Response:
        wanted = _Wanted.of(body.get("project"), body.get("project_version"))
        config = await self._find(wanted)
        return json_answer({"config": json.dumps(json.dumps(config))})

    async def _talk(self, websocket: WebSocket) -> None:
        refused = self._access.check_key(websocket)
        if refused is not None:
            await websocket.send_denial_response(refused)
            return
        await websocket.accept()
        try:
            await self._serve(websocket)
        except (ServerError, ConfigError) as exc:
            error = exc if isinstance(exc, ServerError) else ServerError(str(exc))
            with contextlib.suppress(WebSocketDisconnect):
                await websocket.send_text(json.dumps(error_message(error)))
                await websocket.close(1011, "no session")

    async def _serve(self, websocket: WebSocket) -> None:
        account, target, uuid = (
            websocket.path_params[key] for key in ("account", "project", "uuid")
        )
        if account != _ACCOUNT:
            raise fault(f"The key belongs to the account '{_ACCOUNT}'.", code="wrong_account")
        name, colon, version = target.partition(":")
        wanted = _Wanted.of(name, version if colon else None)
        user = (wanted.name, _name(uuid, "uuid"))
        project = read_project(await self._find(wanted))
        if user in self._users:
            await websocket.close(1011, "User is already connected")
            return
        self._users.add(user)
        try:
            await serve_voice(websocket, self._engines, project, self._settings)
        finally:
            self._users.remove(user)

    async def _find(self, wanted: _Wanted) -> JsonDict:
        config = await asyncio.to_thread(self._engines.projects.find, wanted.name, wanted.version)
        if config is None:
            raise fault(f"There is no {wanted}.", code=_NOT_FOUND, param="project")
        return config


@frozen
class _Wanted:
    """A project that a client asks for; without a version, the newest."""

    name: str
    version: int | None

    @classmethod
    def of(cls, name: Any, version: Any) -> _Wanted:
        """Check what a client has sent; a version may be a number or its text."""
        if version is not None and not _VERSION.fullmatch(str(version)):
            raise fault(
                f"Invalid 'project_version': expected a number, but got {version!r:.80}.",
                code="invalid_value",
                param="project_version",
            )
        return cls(_name(name, "project"), None if version is None else int(version))

    def __str__(self) -> str:
        return f"project '{self.name}'" + (
            "" if self.version is None else f" with version {self.version}"
        )


def _checked_config(body: JsonDict) -> JsonDict:
    config = parse_config(body.get("config"))
    read_project(config)
    return config


def _name(value: Any, param: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(param, "a string", value)
    if not _NAME.fullmatch(value):
        raise fault(
            f"Invalid '{param}': expected up to 128 letters, digits, hyphens and underscores, but "
            f"got {value!r:.80}.",
            code="invalid_value",
            param=param,
        )
    return value
