"""What `realtime-sync talk` shows: the transcript of both sides, and a line with the levels."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorEvent,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
from ..voice.events import AnswerStarted, Interrupted, ToolFinished, ToolStarted
from ._captions import Captions
from ._meter import meter

if TYPE_CHECKING:
    from types import TracebackType

    from ..events import ServerEvent
    from ..voice.events import VoiceEvent

__all__ = ["TalkScreen"]

_MAX_ARGUMENTS = 200


class TalkScreen:
    """Shows a conversation as it is heard.

    On a terminal a line at the bottom holds the answer that is being spoken and the microphone's
    level; elsewhere there are only whole lines.

    Threads:
        `show` belongs to one thread, `tick` to another one.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._played_ms: Callable[[str], int] = lambda _: 0
        self._lock = threading.Lock()  # guards the next four
        self._captions = Captions()
        self._heard_ms = 0  # of the answer that plays
        self._level = -math.inf
        self._speaking = False
        self.answers = 0
        self.latencies_ms: list[int] = []
        self._live = Live(
            get_renderable=self._status, console=console, refresh_per_second=10, transient=True
        )

    def __enter__(self) -> TalkScreen:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            rest = self._captions.take_all()
        self._say_answers(rest)
        self._live.stop()

    def follow(self, played_ms: Callable[[str], int]) -> None:
        """Take the sink's word for how much of an item is heard."""
        self._played_ms = played_ms

    def tick(self, dbfs: float) -> None:
        """Take the level of what the microphone hears, and show an answer that was heard."""
        with self._lock:
            self._level = dbfs
            item_id = self._captions.playing
        heard_ms = 0 if item_id is None else self._played_ms(item_id)
        with self._lock:
            self._heard_ms = heard_ms
            answer = self._captions.take_heard(item_id, heard_ms)
        self._say_answers([answer] if answer else [])

    def note(self, text: str) -> None:
        """Print a remark of the program's."""
        self._print(Text(text, style="dim"))

    def show(self, event: ServerEvent | VoiceEvent) -> None:
        """Show what an event means to the people who talk."""
        match event:
            case ResponseOutputAudioTranscriptDelta() | ResponseOutputTextDelta():
                with self._lock:
                    self._captions.add_words(event.response_id, event.item_id, event.delta)
            case ResponseOutputAudioDelta():
                with self._lock:
                    size = len(event.audio)
                    self._captions.add_audio(event.response_id, event.item_id, size)
            case ConversationItemInputAudioTranscriptionCompleted():
                self._say("you", event.transcript.strip() or "(nothing understood)", "bold cyan")
            case ConversationItemInputAudioTranscriptionFailed():
                self._warn(f"not transcribed: {event.error.message}")
            case InputAudioBufferSpeechStarted() | InputAudioBufferSpeechStopped():
                with self._lock:
                    self._speaking = isinstance(event, InputAudioBufferSpeechStarted)
            case ResponseDone():
                self._response_done(event)
            case ErrorEvent():
                self._warn(event.error.message)
            case _:
                self._show_voice(event)

    def _show_voice(self, event: object) -> None:
        match event:
            case AnswerStarted(latency_ms=int(latency)):
                self.latencies_ms.append(latency)
                self.note(f"first audio {latency} ms after the end of speech")
            case Interrupted():
                self._interrupted(event)
            case ToolStarted():
                arguments = event.arguments[:_MAX_ARGUMENTS]
                self._print(Text(f"calls {event.name} {arguments}", style="magenta"))
            case ToolFinished():
                verb = "failed" if event.failed else "returned"
                output = event.output[:_MAX_ARGUMENTS]
                self._print(Text(f"{event.name} {verb} {output}", style="magenta"))

    def _response_done(self, event: ResponseDone) -> None:
        response = event.response
        if response.status != "cancelled":
            self.answers += 1
        if response.status in ("failed", "incomplete"):
            details = response.status_details
            error = details.error if details else None
            reason = (error.message if error else None) or (details.reason if details else None)
            self._warn(f"the answer {response.status}: {reason or 'no reason given'}")
        with self._lock:
            self._captions.complete(response.id or "")

    def _interrupted(self, event: Interrupted) -> None:
        with self._lock:
            heard = self._captions.take_interrupted(event.item_id, event.audio_end_ms)
        self._say_answers(heard)
        after = f" after {event.audio_end_ms} ms" if event.item_id else ""
        self._print(Text(f"interrupted{after}", style="yellow"))

    def _say_answers(self, answers: list[str]) -> None:
        for answer in answers:
            self._say("assistant", answer, "bold green")

    def _say(self, who: str, words: str, style: str) -> None:
        self._print(Text.assemble((f"{who}: ", style), words))

    def _warn(self, text: str) -> None:
        self._print(Text(f"error: {text}", style="red"))

    def _print(self, text: Text) -> None:
        # Text, never markup: what people and models say may hold brackets.
        self._console.print(text, soft_wrap=True)

    def _status(self) -> RenderableType:
        with self._lock:
            level, speaking = self._level, self._speaking
            answer = self._captions.until(self._heard_ms)
        line = Text.assemble(
            meter(level, style="green" if speaking else "blue"),
            "  ",
            ("you speak" if speaking else "listening", "dim"),
        )
        if not answer:
            return line
        return Text.assemble(("assistant: ", "bold green"), answer, "\n", line)
