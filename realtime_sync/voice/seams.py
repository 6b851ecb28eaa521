"""What the engine of a conversation works with: further rules, a source, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .._deadline import Deadline
from .effects import Effect

__all__ = ["Audience", "FurtherRules", "Input", "Take"]

Take = Callable[[Any], Sequence[Effect]]
"""Takes an event of the server's, of one type, and returns what is to be done."""


class FurtherRules(Protocol):
    """Rules beside those of `VoiceState`, which are asked first, but for a new link.

    Threads: the engine's. None of it waits, or calls code of the program's.
    """

    @property
    def handlers(self) -> Mapping[type, Take]:
        """What takes the server's events, by their types; always the same ones."""

    @property
    def busy(self) -> bool:
        """Whether the conversation is not at rest."""

    @property
    def due_at(self) -> float | None:
        """When `tick` is to be called at the latest, on the engine's clock; None for never."""

    def begin(self) -> list[Effect]:
        """Take that the conversation begins."""

    def tick(self) -> list[Effect]:
        """Take that time has passed."""


class Input(Protocol):
    """Sends what the user says.

    Threads: any.
    """

    @property
    def ended(self) -> bool:
        """Whether nothing more is said."""

    @property
    def failure(self) -> BaseException | None:
        """What has ended it; None for a good end."""

    def start(self) -> None:
        """Begin to hear."""

    def stop(self) -> None:
        """End; does not wait for it."""

    def close(self, deadline: Deadline) -> None:
        """End, and wait for it."""


class Audience(Protocol):
    """Is told what happens: each event of the server's, and each report of the rules.

    Threads: the engine's calls `put`; the rest may be called from any.
    """

    def has_room(self) -> bool:
        """Whether the engine may take another event of the connection's."""

    def put(self, event: object) -> None:
        """Tell of an event or a report.

        Raises:
            QueueFullError: there is no room, and nothing that may be left out.
        """

    def flush(self) -> None:
        """Wake whoever waits for what was put: nothing more is put for the moment."""

    def close(self) -> None:
        """Tell that nothing more will come."""
