"""Who may do what: the server's key may do everything, a client secret may open sessions."""

from __future__ import annotations

import hmac
import re

from attrs import frozen
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from ..._net.secrets import Secrets
from .client_secrets import IssuedSecret, IssuedSecrets
from .refusals import refusal

__all__ = ["Access", "Grant"]

_KEY_SUBPROTOCOL = "openai-insecure-api-key."  # how browsers, which can't set headers, pass a key
_ISSUED = re.compile(r"\bek_\w+")  # where one stands in a text
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


@frozen
class Grant:
    """Leave to go on.

    Attributes:
        secret: what was shown instead of the key, or None.
    """

    secret: IssuedSecret | None = None


class Access:
    """Looks at the keys that clients show.

    Args:
        key: the server's, or None to let everybody in.
        secrets: those that were made for it.
    """

    def __init__(self, key: str | None, secrets: IssuedSecrets) -> None:
        self._key = key
        self._secrets = secrets
        self._hidden = Secrets("", {"Authorization": key or ""})

    def hide(self, text: str) -> str:
        """Return what a client has sent with the keys in it masked, such as for the log."""
        return _ISSUED.sub("ek_***", self._hidden.hide(text))

    def check(self, connection: HTTPConnection) -> Grant | JSONResponse:
        """Return what the client may do, or the answer that refuses it."""
        shown = _shown_keys(connection)
        for secret in filter(None, map(self._secrets.find, shown)):
            if self._secrets.is_fresh(secret):
                return Grant(secret)
            return refusal(
                401,
                "The client secret has expired: create another one.",
                "client_secret_expired",
                headers=_CHALLENGE,
            )
        if self._key is None or any(
            hmac.compare_digest(each.encode(), self._key.encode()) for each in shown
        ):
            return Grant()
        return refusal(
            401,
            "Incorrect API key provided. This is an embedded realtime_sync server: use the key "
            "it was started with.",
            "invalid_api_key",
            headers=_CHALLENGE,
        )

    def check_key(self, connection: HTTPConnection) -> JSONResponse | None:
        """Return the refusal unless the client has shown the key itself."""
        grant = self.check(connection)
        if isinstance(grant, Grant) and grant.secret is not None:
            return refusal(
                403, "A client secret opens sessions, and nothing else.", "insufficient_permissions"
            )
        return None if isinstance(grant, Grant) else grant


def _shown_keys(connection: HTTPConnection) -> list[str]:
    shown = [connection.headers.get("api-key", "")]
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        shown.append(token.strip())
    offered = connection.scope.get("subprotocols", ())
    return shown + [
        name.removeprefix(_KEY_SUBPROTOCOL) for name in offered if name.startswith(_KEY_SUBPROTOCOL)
    ]
