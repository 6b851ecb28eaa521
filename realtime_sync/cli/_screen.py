"""What `realtime-sync talk` shows: the transcript of both sides, and a line with the levels."""

from __future__ import annotations

import math
import threading
import time
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
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
)
from ..voice.events import (
    AnswerFailed,
    AnswerStarted,
    AudioDropped,
    FalseInterruption,
    IdleEnded,
    IdlePrompted,
    Interrupted,
    Paused,
    Resumed,
    RuleUnavailable,
    ToolFinished,
    ToolOutputLost,
    ToolStarted,
    ToolsUnmatched,
    TurnEnded,
    TurnLost,
    UnreadableMessage,
)
from ._captions import Captions
from ._interview import Progress
from ._meter import meter

if TYPE_CHECKING:
    from types import TracebackType

    from ..events import ServerEvent
    from ..voice.events import VoiceEvent

__all__ = ["TalkScreen"]

_MAX_ARGUMENTS = 200
_PATIENCE_S = 5.0  # an answer that has not begun by then is worth a line
_BYTES_PER_S = 48_000  # PCM16 at 24 kHz
_FAILED = {"failed": "failed", "incomplete": "is incomplete", "timed_out": "does not come"}


class TalkScreen:
    """Shows a conversation as it is heard.

    On a terminal a line at the bottom holds the answer that is being spoken and the microphone's
    level; elsewhere there are only whole lines.

    Args:
        console: where it is shown.
        clock: for tests.

    Attributes:
        progress: how far the conversation has come.
        latencies_ms: how long each answer took to begin.

    Threads:
        `show` belongs to one thread, `tick` to another one.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._played_ms: Callable[[str], int] = lambda _: 0
        self._bytes_per_s: Callable[[], int] = lambda: _BYTES_PER_S
        self._paused = False
        self._dropped = False
        self._responding = False
        self._lock = threading.Lock()  # guards the next five
        self._captions = Captions()
        self._heard_ms = 0  # of the answer that plays
        self._level = -math.inf
        self._speaking = False
        self._due_since: float | None = None  # an answer, which has not begun
        self.progress = Progress()
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

    def follow(
        self, played_ms: Callable[[str], int], bytes_per_s: Callable[[], int] | None = None
    ) -> None:
        """Take the sink's word for how much of an item is heard.

        Args:
            played_ms: how much of an item, in whole milliseconds.
            bytes_per_s: of the sound that comes; by default that of PCM16 at 24 kHz.
        """
        self._played_ms = played_ms
        self._bytes_per_s = bytes_per_s or self._bytes_per_s

    def tick(self, dbfs: float) -> None:
        """Take the level of what the microphone hears, and show an answer that was heard."""
        self._look_for_answer()
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
        self.progress.events += 1
        match event:
            case ResponseOutputAudioTranscriptDelta() | ResponseOutputTextDelta():
                with self._lock:
                    self._captions.add_words(event.response_id, event.item_id, event.delta)
            case ResponseOutputAudioDelta():
                ms = len(event.audio) * 1000 / self._bytes_per_s()
                with self._lock:
                    self._captions.add_audio(event.response_id, event.item_id, ms)
            case ConversationItemInputAudioTranscriptionCompleted():
                self._say("you", event.transcript.strip() or "(nothing understood)", "bold cyan")
            case ConversationItemInputAudioTranscriptionFailed():
                self._warn(f"not transcribed: {event.error.message}")
            case InputAudioBufferSpeechStarted() | InputAudioBufferSpeechStopped():
                self._user_speaks(isinstance(event, InputAudioBufferSpeechStarted))
            case ResponseCreated():
                self._answer_is_due(False)
                self._responding = True
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
            case TurnEnded():
                self._answer_is_due(event.answered)
            case Paused():
                self._paused = True
                self.note("paused: you speak")
            case Resumed():
                self._resumed(event)
            case FalseInterruption():
                said = f'"{event.transcript}"' if event.transcript else "no words"
                self.note(f"that was no interruption: {said}")
            case IdlePrompted():
                self.progress.prompts += 1
                self.note(f"nobody has spoken for {event.silent_s:.0f} s: you are asked")
            case IdleEnded():
                self.note(f"nobody has spoken for {event.silent_s:.0f} s: that is the end")
            case _:
                self._show_failure(event)

    def _show_failure(self, event: object) -> None:
        match event:
            case AnswerFailed():
                self._answer_failed(event)
            case AudioDropped() if not self._dropped:
                self._dropped = True
                self._warn("some of the answer is left out: the speaker is too slow")
            case RuleUnavailable():
                self._warn(f"--interruptions has no effect: {event.reason}")
            case ToolOutputLost():
                self._warn(f"the link broke: what {event.name} returned is lost")
            case ToolsUnmatched():
                self._tools_unmatched(event)
            case TurnLost():
                self._warn("the link broke while you spoke: please say it again")
            case UnreadableMessage():
                self._warn(f"left out: {event.error}")

    def _user_speaks(self, speaking: bool) -> None:
        self.progress.turns += speaking
        with self._lock:
            self._speaking = speaking
        if speaking:
            self._answer_is_due(False)

    def _answer_is_due(self, due: bool) -> None:
        with self._lock:
            self._due_since = self._clock() if due else None

    def _look_for_answer(self) -> None:
        """Tell when an answer does not begin; once for each that is due."""
        with self._lock:
            if self._due_since is None or self._responding:
                return
            if self._clock() - self._due_since < _PATIENCE_S:
                return
            self._due_since = None
        self.note(f"no answer yet: the server has begun none for {_PATIENCE_S:g} s")

    def _response_done(self, event: ResponseDone) -> None:
        response = event.response
        self._responding = False
        if response.status not in ("cancelled", "failed"):
            self.progress.answers += 1
        with self._lock:
            if self._due_since is not None:  # it could not begin before
                self._due_since = self._clock()
            self._captions.complete(response.id or "")

    def _answer_failed(self, event: AnswerFailed) -> None:
        self._answer_is_due(False)
        if event.status == "refused":  # the server's error stands above
            self.progress.failures += 1
            self._warn("there will be no answer: the server refuses it")
            return
        self.progress.failures += event.status != "incomplete"
        what = _FAILED[event.status]
        self._warn(f"the answer {what}: {event.reason or 'no reason given'}")

    def _resumed(self, event: Resumed) -> None:
        """Tell it where something goes on: after an interruption nothing is left to do so."""
        paused, self._paused = self._paused, False
        if paused:
            self.note(f"goes on after {event.paused_ms} ms")

    def _tools_unmatched(self, event: ToolsUnmatched) -> None:
        if event.unanswered:
            self._warn(f"nobody here answers these tools: {', '.join(event.unanswered)}")
        if event.undeclared:
            self._warn(f"the session does not have these tools: {', '.join(event.undeclared)}")

    def _interrupted(self, event: Interrupted) -> None:
        with self._lock:
            heard = self._captions.take_interrupted(event.item_id, event.audio_end_ms)
        self._paused = False
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
