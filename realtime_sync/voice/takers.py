"""Who is asked about an event of the server's."""

from __future__ import annotations

from collections.abc import Sequence

from ..events import ConversationItemInputAudioTranscriptionDelta, Reconnected
from .rules import VoiceState
from .seams import FurtherRules, Take

__all__ = ["Takers"]


class Takers(dict[type, tuple[Take, ...]]):
    """What takes the server's events, in order, by their types; found when one is first looked up.

    Args:
        state: the rules of the conversation.
        further: rules beside it, asked after it.

    Attributes:
        quiet: types of events that make nothing due, unless something is done about one.
    """

    def __init__(self, state: VoiceState, further: Sequence[FurtherRules]) -> None:
        super().__init__()
        self.quiet: set[type] = {ConversationItemInputAudioTranscriptionDelta}
        self._state = state
        self._further = further

    def __missing__(self, kind: type) -> tuple[Take, ...]:
        """Find who is asked about a type of event."""
        state = self._state.handlers
        takers = [state[kind]] if kind in state else []
        takers += [rules.handlers[kind] for rules in self._further if kind in rules.handlers]
        if not takers:
            self.quiet.add(kind)
        if kind is Reconnected:
            # Over a new link, what the session lacks comes before what is asked of it.
            self[kind] = (*takers[1:], takers[0])
        else:
            self[kind] = (self._state.came, *takers)
        return self[kind]
