"""What a server speaks where it is not the protocol's "GA" version; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .._types import JsonDict

__all__ = ["Dialect", "DialectFactory"]


class Dialect(Protocol):
    """Translates between the GA protocol, which programs use, and what one server speaks.

    An instance belongs to one connection and may keep state. Where the server means something
    other than 24 kHz by PCM whose rate the session does not say, it also has ``unasked_hz``: a
    mapping of ``"input"`` and ``"output"`` to samples per second.

    Threads:
        `from_wire` is called by the reader alone, `to_wire` by any thread.
    """

    @property
    def name(self) -> str:
        """For messages, such as ``"beta"``."""

    @property
    def assistant_items(self) -> bool:
        """Whether history may be replayed as items of the assistant.

        Otherwise it has to be told in a message of the user's.
        """

    @property
    def metadata(self) -> bool:
        """Whether ``response.create`` may carry metadata of the library's own."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the upgrade request needs beside the key."""

    @property
    def greeting(self) -> Sequence[JsonDict]:
        """Client events (GA form) that are sent, through `to_wire`, before anything is read."""

    @property
    def server_types(self) -> frozenset[str]:
        """The types of the server events that `from_wire` rewrites.

        By their GA names where they have one. Others are not shown to it, so audio never is.
        """

    @property
    def server_tools(self) -> frozenset[str]:
        """The names of tools that the server runs itself, though it reports calls of them."""

    @property
    def closes_response_on_speech_started(self) -> bool:
        """Whether a response is over as soon as the user interrupts it.

        With some servers its ``response.done`` never comes.
        """

    def to_wire(self, event: JsonDict) -> JsonDict:
        """Return a client event as the server wants it; ``event`` is left as it is.

        Raises:
            LocalProtocolError: the server has nothing of the kind; the message names the way out.
        """

    def from_wire(self, event: JsonDict) -> list[JsonDict]:
        """Return what a server event is in GA form: none, one or several events, in order."""


# Makes a dialect for one connection.
DialectFactory = Callable[[], Dialect]
