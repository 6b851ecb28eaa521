"""What a server speaks where it is not the protocol's "GA" version; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .._types import JsonDict

__all__ = ["Dialect", "DialectFactory"]


class Dialect(Protocol):
    """Translates between the GA protocol, which programs use, and what one server speaks.

    An instance belongs to one connection and may keep state.

    Attributes:
        name: for messages, such as ``"beta"``.
        assistant_items: whether history may be replayed as items of the assistant; otherwise it
            has to be told in a message of the user's.
        metadata: whether ``response.create`` may carry metadata of the library's own.
        headers: what the upgrade request needs beside the key.
        greeting: client events (GA form) to be sent, through `to_wire`, before all others.
        server_types: the types of the server events that `from_wire` rewrites, by their GA names
            where they have one. No others need to be shown to it, so audio never is.
        closes_response_on_speech_started: whether a response that the user interrupts is over
            at ``input_audio_buffer.speech_started``, because its ``response.done`` may not come.

    Threads:
        `from_wire` is called by the reader alone, `to_wire` by any thread.
    """

    @property
    def name(self) -> str: ...
    @property
    def assistant_items(self) -> bool: ...
    @property
    def metadata(self) -> bool: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def greeting(self) -> Sequence[JsonDict]: ...
    @property
    def server_types(self) -> frozenset[str]: ...
    @property
    def closes_response_on_speech_started(self) -> bool: ...

    def to_wire(self, event: JsonDict) -> JsonDict:
        """Return a client event as the server wants it; ``event`` is left as it is.

        Raises:
            LocalProtocolError: the server has nothing of the kind; the message names the way out.
        """

    def from_wire(self, event: JsonDict) -> list[JsonDict]:
        """Return what a server event is in GA form: none, one or several events, in order."""


DialectFactory = Callable[[], Dialect]
