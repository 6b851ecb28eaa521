"""What a conversation looks like, in lines and on a terminal."""

from __future__ import annotations

import io
import math

from rich.console import Console
from scripted_voice import created, delta, done, event, speech_started, speech_stopped

from realtime_sync.cli._screen import TalkScreen
from realtime_sync.events import ServerEvent
from realtime_sync.voice import AnswerStarted, Interrupted, ToolFinished, ToolStarted, VoiceEvent


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
    assert screen.answers == 2
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
    assert screen.answers == 0


def test_what_goes_wrong_is_said() -> None:
    failed = {
        "id": "r1",
        "status": "failed",
        "status_details": {"type": "failed", "error": {"message": "out of memory"}},
    }
    cut = {
        "id": "r1",
        "status": "incomplete",
        "status_details": {"type": "incomplete", "reason": "max_output_tokens"},
    }
    lines, _ = show(
        heard(" "),
        event("response.done", response=failed),
        event("response.done", response=cut),
        done("r2", "failed"),
        event("error", error={"type": "server_error", "message": "no such item"}),
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
        "error: the answer incomplete: max_output_tokens",
        "error: the answer failed: no reason given",
        "error: no such item",
        "error: not transcribed: too noisy",
        "t failed {}",
        "assistant: unfinished",
    ]


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
