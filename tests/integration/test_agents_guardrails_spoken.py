"""Guardrails on the embedded server, which really hears and speaks."""

from __future__ import annotations

from typing import Any

import pytest
from embedded import Server, question, run_server, silence
from guards import Guard

from realtime_sync import Local
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.guardrails import (
    GuardrailFunctionOutput,
    input_guardrail,
    output_guardrail,
)
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.testing import MemorySink, MemorySource

SCRIPT = r"""
rules:
  - pattern: '\bguardrail triggered\b'
    reply: "Please ask somebody else."
  - pattern: '\bprice\b'
    reply: "Let me look that up for you, it will not take a moment. It costs five dollars and nine."
  - pattern: '\blook it up\b'
    reply: "Let me look that up for you, it will not take a moment."
default: "It is a nice day, and it will stay so until the evening."
"""


@output_guardrail
def no_prices(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(None, "dollars" in words)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    script = tmp_path_factory.mktemp("script") / "shop.yaml"
    script.write_text(SCRIPT, encoding="utf-8")
    with run_server("--responder", f"scripted:{script}") as server:
        yield Local(url=server.url, api_key=server.key)


def heard(client: Local, text: str, **config: Any) -> tuple[list[Any], dict[str, int], MemorySink]:
    """Return the events until all is said, what was heard of each item in ms, and the sink."""
    agent = RealtimeAgent(name="Desk", output_guardrails=[no_prices])
    sink = MemorySink()
    events: list[Any] = []
    config["model_settings"] = {"speed": config.pop("speed"), "turn_detection": None}
    runner = RealtimeRunner(agent, config=config, client=client)  # type: ignore[arg-type]
    with runner.run(audio=(MemorySource(), sink)) as session:
        session.send_message(text)
        answers = 2 if "price" in text else 1
        for event in session:
            events.append(event)
            ended = [each for each in events if each.type == "agent_end"]
            spoken = [each for each in events if each.type == "audio_end"]
            if len(ended) == answers and spoken:
                break
        sound = [event for event in events if event.type == "audio"]
        last = sound[-1].item_id
        # What a trip has silenced may never have come to the sink; the last answer does.
        whole_ms = sum(len(each.audio.data) for each in sound if each.item_id == last) // 48
        Guard().until(lambda: sink.played_ms(last) >= whole_ms - 1, "the last answer")
        ms = {each.item_id: sink.played_ms(each.item_id) for each in sound}
    return events, ms, sink


@pytest.mark.parametrize("speed", [1.0, 1.5])
def test_of_a_forbidden_answer_not_a_sample_is_heard(client: Local, speed: float) -> None:
    events, ms, sink = heard(client, "What is the price?", hold_back="answer", speed=speed)
    (tripped,) = [event for event in events if event.type == "guardrail_tripped"]
    assert "five dollars" in tripped.message
    assert len(ms) == 1, "the forbidden answer has no audio event"
    (over,) = ms.values()
    assert len(sink.played) // 48 == pytest.approx(over, abs=1), "and nothing else was played"


@pytest.mark.parametrize("speed", [1.0, 1.5])
def test_no_word_is_heard_before_it_was_checked(client: Local, speed: float) -> None:
    _, whole, _ = heard(client, "Please look it up.", hold_back="checked", speed=speed)
    (first_sentence_ms,) = whole.values()
    events, ms, _ = heard(client, "What is the price?", hold_back="checked", speed=speed)
    assert [event.kind for event in events if event.type == "guardrail_tripped"] == ["output"]
    forbidden = [item_id for item_id in ms if item_id not in list(ms)[-1:]]
    print(f"{first_sentence_ms} ms are fine, {[ms[each] for each in forbidden]} ms were heard")
    assert all(ms[each] < first_sentence_ms for each in forbidden)


@pytest.mark.parametrize("before", [True, False])
def test_what_the_user_says_is_checked(ws_server: Server, before: bool) -> None:
    @input_guardrail(run_in_parallel=not before)
    def weather(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(words, "weather" in words.lower())

    agent = RealtimeAgent(name="Desk", input_guardrails=[weather])
    source, sink = MemorySource(), MemorySink()
    settings: Any = {"turn_detection": {"type": "server_vad"}}
    client = Local(url=ws_server.url, api_key=ws_server.key)
    runner = RealtimeRunner(agent, config={"model_settings": settings}, client=client)
    seen = []
    with runner.run(audio=(source, sink)) as session:
        source.say(silence(500) + question("weather") + silence(1500))
        for event in session:
            if event.type == "guardrail_tripped":
                seen.append(event.kind)
            elif event.type in ("audio", "audio_end"):
                seen.append(event.type)
            if event.type == "audio_end":
                break
    assert seen[0] == "input", "nothing was heard before"
    assert seen.count("input") == 1
