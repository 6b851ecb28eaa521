"""What a responder reads from a conversation, and how it hands out its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from ..._types import JsonDict
from ..engines import Finish, ResponderEvent, ResponderPrompt, TextDelta
from ..words import split_words

__all__ = ["calls_by_id", "earlier_messages", "last_input", "latest_outputs", "say", "text_of"]


def text_of(item: JsonDict) -> str:
    """Return the words of a message item, from its text and audio parts."""
    parts: Iterable[JsonDict] = item.get("content") or ()
    words = (part.get("text") or part.get("transcript") or "" for part in parts)
    return " ".join(filter(None, words))


def last_input(prompt: ResponderPrompt) -> JsonDict | None:
    """Return what is to be answered: the newest user message or function output."""
    for item in reversed(prompt.items):
        if item.get("type") == "function_call_output" or item.get("role") == "user":
            return item
    return None


def earlier_messages(prompt: ResponderPrompt) -> Iterator[JsonDict]:
    """Yield the user's messages before the one that is to be answered, the newest first."""
    answered = last_input(prompt)
    for item in reversed(prompt.items):
        if item.get("role") == "user" and item is not answered:
            yield item


def calls_by_id(prompt: ResponderPrompt) -> dict[str, JsonDict]:
    """Return the function calls of the conversation by ``call_id``."""
    calls = (item for item in prompt.items if item.get("type") == "function_call")
    return {call.get("call_id", ""): call for call in calls}


def latest_outputs(prompt: ResponderPrompt) -> list[JsonDict]:
    """Return the function outputs that the conversation ends with, in order."""
    backwards = reversed(prompt.items)
    latest = takewhile(lambda item: item.get("type") == "function_call_output", backwards)
    return [*latest][::-1]


def say(text: str, limit: int | None) -> Iterator[ResponderEvent]:
    """Yield ``text`` word by word, at most ``limit`` words: a word stands for a token here."""
    for count, word in enumerate(split_words(text)):
        if count == limit:
            yield Finish("max_output_tokens")
            return
        yield TextDelta(word)
