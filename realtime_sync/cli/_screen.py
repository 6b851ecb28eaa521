"""What `realtime-sync talk` shows: the transcript of both sides, and a line with the levels."""

from __future__ import annotations

import math
import threading
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
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
from ..voice.events import AnswerStarted, Interrupted, ToolFinished, ToolStarted

if TYPE_CHECKING:
    from types import TracebackType

    from ..events import ServerEvent
    from ..voice.events import VoiceEvent

__all__ = ["TalkScreen"]

_FLOOR_DBFS = -60.0
_BAR = 20
_MAX_ARGUMENTS = 200


class TalkScreen:
    """Shows a conversation as it goes on.

    On a terminal a line at the bottom holds the answer that is being spoken and the microphone's
    level; elsewhere there are only whole lines.

    Threads:
        `show` belongs to one thread; `level` may be called from any.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()  # guards what the status line shows, below
        self._level = -math.inf
        self._speaking = False
        self._answer = ""
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
        self._end_answer()
        self._live.stop()

    def level(self, dbfs: float) -> None:
        """Take the level of what the microphone hears."""
        with self._lock:
            self._level = dbfs

    def note(self, text: str) -> None:
        """Print a remark of the program's."""
        self._print(Text(text, style="dim"))

    def show(self, event: ServerEvent | VoiceEvent) -> None:
        """Show what an event means to the people who talk."""
        match event:
            case ResponseOutputAudioTranscriptDelta() | ResponseOutputTextDelta():
                with self._lock:
                    self._answer += event.delta
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
                self._end_answer(cut=True)
                heard = f" after {event.audio_end_ms} ms" if event.item_id else ""
                self._print(Text(f"interrupted{heard}", style="yellow"))
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
        self._end_answer()

    def _end_answer(self, *, cut: bool = False) -> None:
        with self._lock:
            answer, self._answer = self._answer.strip(), ""
        if answer:
            self._say("assistant", answer + (" …" if cut else ""), "bold green")

    def _say(self, who: str, words: str, style: str) -> None:
        self._print(Text.assemble((f"{who}: ", style), words))

    def _warn(self, text: str) -> None:
        self._print(Text(f"error: {text}", style="red"))

    def _print(self, text: Text) -> None:
        # Text, never markup: what people and models say may hold brackets.
        self._console.print(text, soft_wrap=True)

    def _status(self) -> RenderableType:
        with self._lock:
            level, speaking, answer = self._level, self._speaking, self._answer.strip()
        filled = round(max(0.0, 1 - level / _FLOOR_DBFS) * _BAR) if level > _FLOOR_DBFS else 0
        number = f"{level:4.0f} dBFS" if level > -math.inf else "  silence"
        meter = Text.assemble(
            ("█" * filled, "green" if speaking else "blue"),
            ("░" * (_BAR - filled), "dim"),
            f" {number}  ",
            ("you speak" if speaking else "listening", "dim"),
        )
        if not answer:
            return meter
        return Text.assemble(("assistant: ", "bold green"), answer, "\n", meter)
