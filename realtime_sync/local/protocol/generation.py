"""Filling a response: the responder's words, turned into speech where that is asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

from ..._types import JsonDict
from ...errors import AudioError
from ..engines import ResponderEvent, ResponderPrompt, SpeechEngine, TextDelta, ToolCall
from ..speech.sentences import Sentences
from .active_responses import ActiveResponses
from .response_builder import ResponseBuilder
from .transcripts import SPEECH_FAILED
from .wire_formats import Encoder

__all__ = ["fail", "generate", "with_pauses"]

_LOGGER = logging.getLogger("realtime_sync.local")

_ITEMS_AT_ONCE = 50

_T = TypeVar("_T")

_Respond = Callable[[ResponderPrompt], AsyncGenerator[ResponderEvent, None]]
_Room = Callable[[], Awaitable[None]]


class _OutOfTokensError(Exception):
    """``max_output_tokens`` is reached."""


async def generate(
    response: ResponseBuilder,
    responses: ActiveResponses,
    *,
    respond: _Respond,
    speech: SpeechEngine,
    room: _Room,
) -> None:
    """Generate ``response`` to its end; cancelling this task abandons it without a word.

    Args:
        response: started already.
        responses: the session's; told of every step.
        respond: the responder's words and calls.
        speech: speaks the words when sound is asked for.
        room: waits until the client has taken enough of what came before.
    """
    writer = _Writer(response, responses, speech, room)
    try:
        steps = respond(await _prompt(response))
        reason = await _answer(writer, steps, calls=response.settings.parallel_tool_calls)
    except _OutOfTokensError:
        responses.finish(response, "incomplete", reason="max_output_tokens")
    except Exception as exc:  # an engine's failure is the response's, never the connection's
        fail(response, responses, exc)
    else:
        if reason is None:
            responses.finish(response, "completed")
        else:
            responses.finish(response, "incomplete", reason=reason)


async def with_pauses(items: Iterable[_T]) -> AsyncGenerator[_T, None]:
    """Yield ``items``, which may be thousands; others have their turn in between."""
    for number, item in enumerate(items, 1):
        yield item
        if number % _ITEMS_AT_ONCE == 0:
            await asyncio.sleep(0)


async def _prompt(response: ResponseBuilder) -> ResponderPrompt:
    settings = response.settings
    limit = settings.max_output_tokens
    items = with_pauses(response.context)
    return ResponderPrompt(
        instructions=settings.instructions,
        items=[response.give(item) async for item in items if not item.deleted],
        tools=settings.tools,
        tool_choice=settings.tool_choice,
        parallel_tool_calls=settings.parallel_tool_calls,
        max_output_tokens=limit if isinstance(limit, int) else None,
    )


def fail(response: ResponseBuilder, responses: ActiveResponses, exc: Exception) -> None:
    """End ``response``, which could not be generated because of ``exc``."""
    _LOGGER.warning("a response failed", exc_info=exc)
    error = {
        "type": "server_error",
        "code": SPEECH_FAILED if isinstance(exc, AudioError) else "responder_failed",
        "message": f"{type(exc).__name__}: {exc}",
    }
    responses.finish(response, "failed", error=error)


async def _answer(
    writer: _Writer, steps: AsyncGenerator[ResponderEvent, None], *, calls: bool
) -> str | None:
    """Write what the responder gives; without ``calls`` (in the plural), up to its first one."""
    async with aclosing(steps):
        async for step in steps:
            if isinstance(step, TextDelta):
                await writer.say(step.text)
            elif isinstance(step, ToolCall):
                await writer.call(step)
                if not calls:
                    break
            else:
                await writer.end()
                return step.reason
    await writer.end()
    return None


class _Writer:
    """Puts what a responder says into the response, as text or as speech."""

    def __init__(
        self,
        response: ResponseBuilder,
        responses: ActiveResponses,
        speech: SpeechEngine,
        room: _Room,
    ) -> None:
        self._response = response
        self._responses = responses
        self._speech = speech
        self._room = room
        self._aloud = response.settings.modality == "audio"
        self._sentences = Sentences()
        self._encoder = Encoder(response.settings.format)

    async def say(self, text: str) -> None:
        if not self._aloud:
            await self._write(text)
            return
        for sentence in self._sentences.add(text):
            await self._speak(sentence)

    async def call(self, call: ToolCall) -> None:
        await self.end()
        if self._response.tokens_left <= 0:
            raise _OutOfTokensError
        self._progress(self._response.add_call(call.name, call.arguments))
        await self._room()

    async def end(self) -> None:
        """Say what was held back and close the message."""
        for sentence in self._sentences.rest():
            await self._speak(sentence)
        if self._aloud and self._response.in_message:
            rest = self._encoder.flush()
            if rest:
                self._progress(self._response.add_speech("", rest))
        self._progress(self._response.end_message())

    async def _write(self, text: str) -> None:
        if not text:
            return
        allowed = self._response.fit(text)
        if allowed:
            self._progress(self._response.add_text(allowed))
        if len(allowed) < len(text):
            raise _OutOfTokensError
        await self._room()

    async def _speak(self, sentence: str) -> None:
        settings = self._response.settings
        chunks = self._speech.synthesize(sentence, voice=settings.voice, speed=settings.speed)
        async with aclosing(chunks):
            async for chunk in chunks:
                if self._response.tokens_left <= 0:
                    raise _OutOfTokensError
                audio = self._encoder.encode(chunk.pcm)
                if chunk.text or audio:
                    self._progress(self._response.add_speech(chunk.text, audio))
                await self._room()

    def _progress(self, events: list[JsonDict]) -> None:
        self._responses.progress(self._response, events)
