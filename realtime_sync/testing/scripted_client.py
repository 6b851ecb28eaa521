"""A client whose server is a script."""

from __future__ import annotations

from ..clients.base import Client, RealtimeResource
from ..providers import OpenAIProvider
from ..transport import TransportOptions
from .script_error import require
from .scripted_server import ScriptedServer

__all__ = ["ScriptedClient"]

_NOWHERE = "http://scripted.invalid/v1"  # RFC 6761 §6.4: never resolves


class ScriptedClient(Client):
    """A client of a `ScriptedServer`: its connections are real, only their wire is not.

    Whatever takes a client takes this one. Its REST calls find no server.

    Args:
        server: plays the server of every connection.

    Raises:
        ScriptError: it is no `ScriptedServer`.
    """

    def __init__(self, server: ScriptedServer) -> None:
        require(isinstance(server, ScriptedServer), "a ScriptedClient has a ScriptedServer", server)
        self.server = server
        provider = OpenAIProvider(api_key="scripted", base_url=_NOWHERE)
        self.realtime = RealtimeResource(
            lambda: provider,
            TransportOptions(proxy=""),
            default_model="scripted",
            transport=server.open,
        )
