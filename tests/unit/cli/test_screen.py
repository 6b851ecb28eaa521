"""What a conversation looks like, in lines and on a terminal."""

from __future__ import annotations

import io
import math

import pytest
from guards import VirtualClock
from rich.console import Console
from scripted_voice import created, delta, done, event, speech_started, speech_stopped

from realtime_sync.cli._screen import TalkScreen
from realtime_sync.errors import RemoteProtocolError
from realtime_sync.events import ServerEvent
from realtime_sync.voice import AnswerStarted, Interrupted, ToolFinished, ToolStarted, VoiceEvent
from realtime_sync.voice.events import (
    AnswerFailed,
    AudioDropped,
    FalseInterruption,
    IdleEnded,
    IdlePrompted,
    Paused,
    Resumed,
    RuleUnavailable,
    ToolOutputLost,
    ToolsUnmatched,
    TurnEnded,
    TurnLost,
    UnreadableMessage,
)


def words(text: str, *, type: str = "response.output_audio_transcript.delta") -> ServerEvent:
    return event(type, response_id="r1", item_id="a", output_index=0, content_index=0, delta=text)


def heard(text: str) -> ServerEvent:
    return event(
        "conversation.item.input_audio_transcription.completed",
        item_id="user",
        content_index=0,
        transcript=text,
        usage={"type": "duration", "seconds": 1},
    )


def show(*events: ServerEvent | VoiceEvent) -> tuple[list[str], TalkScreen]:
    out = io.StringIO()
    with TalkScreen(Console(file=out, highlight=False)) as screen:
        screen.follow(lambda _: 0)
        for each in events:
            screen.show(each)
            screen.tick(-20.0)
    return out.getvalue().splitlines(), screen


def test_a_conversation_in_lines() -> None:
    lines, screen = show(
        speech_started(),
        speech_stopped(),
        heard("what is the weather in rome"),
        created("r1"),
        ToolStarted(call_id="c", name="get_weather", arguments='{"city": "Rome"}'),
        done("r1"),
        ToolFinished(call_id="c", name="get_weather", output="sunny", failed=False),
        AnswerStarted(response_id="r2", latency_ms=312),
        words("It is "),
        words("sunny [bold]in[/bold] Rome."),
        done("r2"),
    )
    assert lines == [
        "you: what is the weather in rome",
        'calls get_weather {"city": "Rome"}',
        "get_weather returned sunny",
        "first audio 312 ms after the end of speech",
        "assistant: It is sunny [bold]in[/bold] Rome.",
    ]
    assert (screen.progress.turns, screen.progress.answers) == (1, 2)
    assert screen.latencies_ms == [312]


def test_an_interruption_ends_the_line() -> None:
    lines, screen = show(
        AnswerStarted(response_id="r1", latency_ms=None),
        words("Once upon a time ", type="response.output_text.delta"),
        delta("r1", "a", 2000),
        words("there was"),
        Interrupted(item_id="a", content_index=0, audio_end_ms=1234, deleted=()),
        words("a lighthouse"),
        done("r1", "cancelled"),
        Interrupted(item_id=None, content_index=0, audio_end_ms=0, deleted=("b",)),
    )
    assert lines == [
        "assistant: Once upon a time …",
        "interrupted after 1234 ms",
        "interrupted",
    ]
    assert screen.progress.answers == 0


def test_what_goes_wrong_is_said() -> None:
    lines, screen = show(
        heard(" "),
        done("r1", "failed"),
        AnswerFailed(response_id="r1", status="failed", reason="out of memory"),
        done("r2", "incomplete"),
        AnswerFailed(response_id="r2", status="incomplete", reason=""),
        AnswerFailed(response_id="r3", status="timed_out", reason="nothing has come of it"),
        event("error", error={"type": "server_error", "message": "no such item"}),
        AnswerFailed(response_id=None, status="refused", reason="no such item"),
        event(
            "conversation.item.input_audio_transcription.failed",
            item_id="user",
            content_index=0,
            error={"message": "too noisy"},
        ),
        ToolFinished(call_id="c", name="t", output="{}", failed=True),
        words("unfinished"),
    )
    assert lines == [
        "you: (nothing understood)",
        "error: the answer failed: out of memory",
        "error: the answer is incomplete: no reason given",
        "error: the answer does not come: nothing has come of it",
        "error: no such item",
        "error: there will be no answer: the server refuses it",
        "error: not transcribed: too noisy",
        "t failed {}",
        "assistant: unfinished",
    ]
    assert (screen.progress.answers, screen.progress.failures) == (1, 3)


def test_a_pause_and_how_it_ends() -> None:
    lines, _ = show(
        Paused(item_id="u1"),
        Resumed(paused_ms=640),
        FalseInterruption(item_id="u1", transcript="mhm", paused_ms=640),
        FalseInterruption(item_id="u2", transcript="", paused_ms=640),
        Paused(item_id="u3"),
        Interrupted(item_id=None, content_index=0, audio_end_ms=0, deleted=("b",)),
        Resumed(paused_ms=900),  # with nothing left that could go on
    )
    assert lines == [
        "paused: you speak",
        "goes on after 640 ms",
        'that was no interruption: "mhm"',
        "that was no interruption: no words",
        "paused: you speak",
        "interrupted",
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (IdlePrompted(silent_s=15.02), "nobody has spoken for 15 s: you are asked"),
        (IdleEnded(silent_s=30.1), "nobody has spoken for 30 s: that is the end"),
        (TurnLost(item_id="u"), "error: the link broke while you spoke: please say it again"),
        (
            ToolOutputLost(call_id="c", name="add"),
            "error: the link broke: what add returned is lost",
        ),
        (
            ToolsUnmatched(unanswered=("a", "b"), undeclared=()),
            "error: nobody here answers these tools: a, b",
        ),
        (
            ToolsUnmatched(unanswered=(), undeclared=("c",)),
            "error: the session does not have these tools: c",
        ),
        (
            RuleUnavailable(reason="the server does it by itself"),
            "error: --interruptions has no effect: the server does it by itself",
        ),
        (UnreadableMessage(error=RemoteProtocolError("no JSON")), "error: left out: no JSON"),
    ],
)
def test_each_report_is_one_line(told: VoiceEvent, line: str) -> None:
    assert show(told)[0] == [line]


def test_a_slow_speaker_is_told_once() -> None:
    lines, _ = show(AudioDropped(dropped_ms=20), AudioDropped(dropped_ms=40))
    assert lines == ["error: some of the answer is left out: the speaker is too slow"]


def test_an_answer_that_does_not_begin_is_told_once() -> None:
    out, clock = io.StringIO(), VirtualClock()
    ended = TurnEnded(item_id="u", reason="speech_stopped", answered=True)

    def pass_time(seconds: float) -> list[str]:
        clock.advance(seconds)
        screen.tick(-20.0)
        return out.getvalue().splitlines()

    with TalkScreen(Console(file=out, highlight=False), clock=clock) as screen:
        screen.show(created("r1"))
        screen.show(ended)
        assert pass_time(10) == []  # another answer runs
        screen.show(done("r1"))
        assert pass_time(4.9) == []
        assert pass_time(0.2) == ["no answer yet: the server has begun none for 5 s"]
        out.truncate(out.seek(0))
        for begins in (created("r2"), speech_started()):
            screen.show(done("r1"))
            screen.show(ended)
            screen.show(begins)
            screen.show(done("r1"))
            assert pass_time(10) == []


def test_the_words_keep_step_with_sound_of_any_format() -> None:
    out = io.StringIO()
    with TalkScreen(Console(file=out, highlight=False)) as screen:
        screen.follow(lambda _: 1000, lambda: 8)  # G.711
        for part in ("One ", "two ", "three"):
            screen.show(words(part))
            screen.show(delta("r1", "a", 250))  # 12,000 bytes
        screen.tick(-20.0)
        assert "assistant: One" in str(screen._status())
        assert "two" not in str(screen._status())


def test_a_terminal_has_a_line_with_the_level() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    with TalkScreen(console) as screen:
        for level in (-math.inf, -90.0, -12.0, 0.0):
            screen.tick(level)
            console.print(screen._status())
        screen.show(speech_started())
        screen.show(words("Hello [there]"))
        console.print(screen._status())
    text = out.getvalue()
    assert "silence" in text
    assert "-12 dBFS" in text
    assert "you speak" in text
    assert "Hello [there]" in text
