"""The gate before all routes: who may ask, and what a browser is told of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..callers import CallerRules
from .refusals import refusal

__all__ = ["gate"]

# Asked by load balancers, under whatever name; it tells no secrets.
_FOR_ALL_HOSTS = ("/healthz",)


def gate(rules: CallerRules) -> list[Middleware]:
    """Return what stands before the application's routes.

    Args:
        rules: tell who may ask.
    """
    return [
        Middleware(_Gate, rules=rules),
        # Behind the gate there are only origins that are accepted: each gets the answers of CORS.
        Middleware(
            CORSMiddleware,
            allow_origin_regex=".*",
            allow_methods=["GET", "POST"],
            allow_headers=["*"],  # clients have headers of their own besides Authorization
            allow_private_network=True,
            expose_headers=["Location", "x-request-id"],
        ),
    ]


class _Gate:
    """Refuses requests and handshakes, each in the protocol's own form."""

    def __init__(self, app: ASGIApp, rules: CallerRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = None if scope["type"] == "lifespan" else self._refuse(scope)
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await refused(scope, receive, send)

    def _refuse(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        why = self._rules.refuse_host(hosts)
        if why is not None and scope["path"] not in _FOR_ALL_HOSTS:
            return refusal(403, why, "host_not_allowed")
        # A foreign name speaks for no page.
        why = self._rules.refuse_origin(origins, hosts if why is None else ())
        if why is not None:
            return refusal(403, why, "origin_not_allowed", headers={"Vary": "Origin"})
        return None
