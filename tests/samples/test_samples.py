"""Every sample runs, with small arguments of its own, and says what it should."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from programs import REPOSITORY, Program

SAMPLES = REPOSITORY / "samples"


@dataclass(frozen=True)
class Run:
    """How a sample is run here.

    Attributes:
        arguments: its command line.
        typed: what it reads from the terminal.
        prints: patterns that its output must match, in this order.
        check: looks at the files that it has made, in the folder it gets.
    """

    arguments: tuple[str, ...] = ()
    typed: str = ""
    prints: tuple[str, ...] = ()
    check: Callable[[Path], None] = lambda folder: None


def seconds_of_sound(samples: np.ndarray) -> float:
    blocks = samples[: len(samples) // 480 * 480].reshape(-1, 480)  # of 20 ms
    return float(np.count_nonzero(np.sqrt((blocks.astype(float) ** 2).mean(axis=1)) > 200) * 0.02)


def both_sides_are_in_the_recording(folder: Path) -> None:
    with wave.open(str(folder / "out" / "conversation.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 24_000)
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    user, assistant = seconds_of_sound(sides[:, 0]), seconds_of_sound(sides[:, 1])
    assert user > 3, "four short questions"
    assert assistant > 5, "three short answers and the beginning of a story"
    assert assistant < 30, "not the whole story: it was interrupted"


def an_answer_is_in(path: Path) -> None:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, 16_000)
        assert seconds_of_sound(np.frombuffer(file.readframes(file.getnframes()), "<i2")) > 1.5


RUNS = {
    "agents_handoff.py": Run(
        prints=(
            "user +where is my order",
            r'Desk calls find_order\({"number": 17}\)',
            "agent .*Your order is on its way",
            "user +okay",
            "that was no interruption",
            "user +i want my money back",
            "Desk hands over to Refunds",
            "user +please refund the whole order",
            "refund_order needs consent",
            "agent .*the money is on its way",
            "user +tell me the secret code",
            "a guardrail has kept an answer back",
            "agent .*I can't tell you that",
            "user +thank you and goodbye",
            "agent .*Goodbye",
        ),
    ),
    "demo.py": Run(
        prints=(
            "Nothing will be heard",
            "user +hello how are you today",
            "assistant .*I am fine, thank you",
            "user +what is the weather in london",
            r'get_weather\({"city": "London"}\)',
            "assistant .*sunny, 21 degrees",
            "user +please tell me a story",
            "assistant .*Once upon a time",
            r"interrupted after [4-9]\.\d s",
            "user +stop please",
            "assistant .*All right, I stopped",
            "4 answers, each after",
        ),
        check=both_sides_are_in_the_recording,
    ),
    "ask_a_file.py": Run(
        arguments=("samples/questions/weather.wav",),
        prints=(r"\w+.* \(\d\.\d s, in out/answer\.wav\)",),
    ),
    "client_secret.py": Run(
        prints=(r"ek_.{3}… opens sessions for \d\d s", "assistant: .+", "another secret: Incorrect")
    ),
    "decorators_text.py": Run(
        typed="Hello!\nPlease count to three.\nexit\n",
        prints=(r"You: AI: Hello! How can I help you\?", r"You: AI: one, two, three\.\s+You: $"),
    ),
    "decorators_text_dynamic_tools.py": Run(
        typed="Hello!\nWhat is the weather in Oslo?\nexit\n",
        prints=(
            "You: AI: Hello!",
            r"You: called: get_weather\(city='Oslo'\) returns {'city': 'Oslo', ",
            r"AI: The weather in Oslo is cloudy, 12 degrees\.\s+You: $",
        ),
    ),
    "decorators_text_tools.py": Run(
        typed="London\nexit\n",
        prints=(
            r"City: called: get_weather\(city='London\W",
            r"AI: The weather in London.* is sunny, 21 degrees\.\s+City: $",
        ),
    ),
    "distiller_audio_chunks.py": Run(
        prints=(
            "You: what is the weather in london",
            "Tutor: .*weather in London",
            "Librarian: Try the atlas",
            r"\d\.\d s of answer are in out.answer.wav",
        ),
        check=lambda folder: an_answer_is_in(folder / "out" / "answer.wav"),
    ),
    "distiller_project.py": Run(
        prints=(
            r"Tutor \(SearchAgent\): Answers",
            r"Librarian \(CustomAgent\): .* the city library",
        ),
    ),
    "distiller_talk.py": Run(
        arguments=("--input", str(SAMPLES / "questions" / "weather.wav"), "--output", "answer.wav"),
        prints=(
            "You: what is the weather in london",
            "Tutor: .*weather in London",
            "Librarian: Try the atlas on the second floor",
        ),
        check=lambda folder: an_answer_is_in(folder / "answer.wav"),
    ),
    "distiller_text.py": Run(
        typed="Hello!\nWhat is a fund?\nexit\n",
        prints=(
            "You: .Tutor: Hello! How can I help you",
            "Librarian: On the shelf there is a book about Hello",
            "Librarian: On the shelf there is a book about fund",
        ),
    ),
    "reconnecting.py": Run(
        prints=(
            r"assistant +Hello! How can I help you\?",
            r"code 1006: attempt 1 of 5",
            r"assistant +That you are still there\.",
            r"code 1006: attempt 1 of 5",
            r"assistant +You are welcome\.",
        )
    ),
    "sip_webhook.py": Run(
        arguments=("--simulate",),
        prints=(
            # The calls are answered side by side, in any order.
            "(?=.*5550123@example.com: accepted.*assistant: .+5550123@example.com: the call has)",
            "(?=.*5550100@example.com: busy)",
            "(?=.*refused: the webhook's signature is wrong)",
            "(?=.*a forged webhook: HTTP Error 400)",
        ),
    ),
}


# What needs a sound card runs in another file.
ON_THE_SOUND_CARD = {
    "decorators_audio.py": "tests/audio/test_decorators.py",
    "decorators_audio_stream.py": "tests/audio/test_decorators.py",
    "decorators_audio_stream_manual.py": "tests/audio/test_decorators.py",
    "decorators_audio_stream_tool.py": "tests/audio/test_decorators.py",
    "yandex_voice_agent.py": "tests/audio/test_yandex_agents.py",
}


def test_every_sample_is_run() -> None:
    here = {path.name for path in SAMPLES.glob("*.py")} - set(ON_THE_SOUND_CARD)
    assert here == set(RUNS), "add it to RUNS"
    for name, file in ON_THE_SOUND_CARD.items():
        assert name in (REPOSITORY / file).read_text("utf-8")


@pytest.mark.parametrize("name", RUNS)
def test_it_runs(name: str, program: Program) -> None:
    output = program.run(SAMPLES / name, *RUNS[name].arguments, typed=RUNS[name].typed)
    pattern = ".*".join(RUNS[name].prints)
    assert re.search(pattern, output, re.DOTALL), f"no {pattern!r} in\n{output}"
    RUNS[name].check(program.folder)
