"""A responder that says back what the user said."""

from __future__ import annotations

from collections.abc import Iterator

from ..engines import ResponderEvent, ResponderPrompt
from ._prompt import last_input, say, text_of

__all__ = ["EchoResponder"]


class EchoResponder:
    """Answers with the user's own words; an `engines.Responder` for tests of the sound path."""

    def respond(self, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        """Yield the last input, or that there was none."""
        item = last_input(prompt)
        text = "" if item is None else item.get("output") or text_of(item)
        return say(text or "I heard nothing.", prompt.max_output_tokens)
