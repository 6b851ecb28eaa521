"""Apps of decorators on the embedded server: speech in files, telephone sound, keys, Ctrl-C."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dialect_clients
import pytest
from beta_rules import AzureRules, BetaRules
from dialect_server import open_front
from embedded import QUESTIONS, Server, question, silence
from guards import Guard
from programs import REPOSITORY
from yandex_rules import YandexRules

from realtime_sync import AuthenticationError, AzureOpenAI, Local, OpenAI, YandexAIStudio
from realtime_sync.app import Context, Realtime
from realtime_sync.audio import Sound, WavSource, encode_ulaw
from realtime_sync.clients.base import Client
from realtime_sync.testing import ScriptedClient, ScriptedServer, spoken_answer

MODEL = "gpt-realtime-2"
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
FINE = "I am fine, thank you"


def get_weather(city: str) -> dict[str, object]:
    """Tell the weather in a city."""
    return {"city": city, "condition": "foggy", "temperature": 9}


def heard_by(app: Realtime) -> list[str]:
    """Register a receiver of transcripts, and return what it gets."""
    heard: list[str] = []
    app.receiver("audio_transcript")(lambda text, context: heard.append(text))
    return heard


def once(app: Realtime, *given: Any) -> None:
    """Register a sender of these, each answered before the next."""
    left = iter(given)

    @app.sender(wait_for_audio_transcript_response=True)
    def send(context: Context) -> Any:
        return next(left)


def stream_once(app: Realtime, pieces: Iterator[Any]) -> None:
    """Register a generator sender that streams these, and then has nothing more."""
    left = [pieces]

    @app.sender(wait_for_audio_transcript_response=True)
    def send(context: Context) -> Iterator[Any]:
        if not left:
            raise StopIteration
        yield from left.pop()


@pytest.mark.parametrize("form", ["wav", "BytesIO", "pcm", "sound"])
def test_a_spoken_question_in_every_form(local_server: Local, form: str) -> None:
    app = Realtime(MODEL, client=local_server)
    wav = (QUESTIONS / "hello.wav").read_bytes()
    forms: dict[str, Any] = {
        "wav": wav,
        "BytesIO": io.BytesIO(wav),
        "pcm": question("hello"),
        "sound": Sound(question("hello", hz=16_000), 16_000),
    }
    heard = heard_by(app)
    sounds: list[Sound] = []
    app.receiver("audio")(lambda sound, context: sounds.append(sound))
    once(app, forms[form])
    app.run()
    assert FINE in heard[0]
    assert sounds[0].duration_ms > 500


def test_the_answer_is_a_file(local_server: Local, tmp_path: Path) -> None:
    app = Realtime(MODEL, client=local_server)
    once(app, "Hello!")

    @app.receiver("audio")
    def receive(sound: Sound, context: Context) -> None:
        sound.save(tmp_path / "answer.wav")

    app.run()
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert file.getframerate() == 24_000
        assert file.getnframes() > 12_000


def test_a_stream_without_turn_detection(local_server: Local) -> None:
    app = Realtime(MODEL, client=local_server, turn_detection=None)
    heard = heard_by(app)
    events: list[str] = []
    app.receiver(None)(lambda event, context: events.append(event["type"]))
    stream_once(app, iter(WavSource(QUESTIONS / "hello.wav", pace="fast", trailing_silence_ms=0)))
    app.run()
    assert FINE in heard[0]
    assert events.count("response.created") == 1
    assert "input_audio_buffer.speech_started" not in events


def test_a_stream_with_turn_detection_is_answered_once(local_server: Local) -> None:
    """The original asked for a second response at the end of the generator."""
    app = Realtime(MODEL, client=local_server)
    heard = heard_by(app)
    events: list[str] = []
    app.receiver(None)(lambda event, context: events.append(event["type"]))
    stream_once(app, iter(WavSource(QUESTIONS / "hello.wav", pace="fast")))
    app.run()
    assert FINE in heard[0]
    assert events.count("response.created") == 1
    assert events.count("input_audio_buffer.committed") == 1


def test_speech_that_goes_on_at_the_end_of_the_stream(local_server: Local) -> None:
    """There is no silence behind it, so the server would wait for ever."""
    app = Realtime(MODEL, client=local_server)
    heard = heard_by(app)
    begun, guard = threading.Event(), Guard()

    @app.receiver(None)
    def watch(event: dict[str, Any], context: Context) -> None:
        context.setdefault("events", []).append(event["type"])
        if event["type"] == "input_audio_buffer.speech_started":
            begun.set()

    def pieces() -> Iterator[bytes]:
        yield question("hello")[: 2 * 24_000]
        guard.wait(begun, "the beginning of speech")

    stream_once(app, pieces())
    app.run()
    events = app.context["events"]
    assert events.count("input_audio_buffer.committed") == 1
    assert events.count("response.created") == 1
    assert len(heard) == 1


def test_speech_that_the_server_hears_late(local_server: Local) -> None:
    app = Realtime(MODEL, client=local_server)
    heard = heard_by(app)
    stream_once(app, iter([question("hello")]))
    app.run()
    assert FINE in heard[0]


def test_silence_is_not_answered(local_server: Local) -> None:
    app = Realtime(MODEL, client=local_server)
    heard = heard_by(app)
    stream_once(app, iter([silence(500)]))
    app.run()
    assert heard == []


def test_a_telephone(local_server: Local) -> None:
    app = Realtime(
        MODEL,
        client=local_server,
        turn_detection=None,
        input_audio_format="g711_ulaw",
        output_audio_format="g711_ulaw",
    )
    heard = heard_by(app)
    sounds: list[Sound] = []
    app.receiver("audio")(lambda sound, context: sounds.append(sound))
    wav = (QUESTIONS / "hello.wav").read_bytes()
    once(app, wav, encode_ulaw(question("hello", hz=8000)))
    app.run()
    assert len(heard) == 2
    assert all(FINE in words for words in heard)
    assert {sound.rate for sound in sounds} == {8000}


def test_a_spoken_question_with_a_tool(local_server: Local) -> None:
    app = Realtime(MODEL, client=local_server)
    heard = heard_by(app)
    calls: list[Any] = []
    left = [WavSource(QUESTIONS / "weather.wav", pace="fast")]

    @app.sender(tools=[get_weather], wait_for_audio_transcript_response=True)
    def send(context: Context) -> Iterator[bytes]:
        if not left:
            raise StopIteration
        yield from left.pop()

    app.receiver("tool")(lambda tool, context: calls.append((tool.city, tool.call())))
    app.run()
    assert calls == [("London", get_weather("London"))]
    assert heard == ["The weather in London is foggy, 9 degrees."]


def test_a_long_conversation_of_two_senders(local_server: Local) -> None:
    """Each message has an answer of its own, however they fall together."""
    app = Realtime(MODEL, client=local_server, modalities=["text"], tools=[get_weather])
    answers: list[str] = []
    app.receiver("text")(lambda text, context: answers.append(text))
    waiting = threading.Barrier(2)
    for numbers in (["three", "four"], ["five", "six"]):

        @app.sender(wait_for_text_response=True)
        def send(context: Context, numbers: list[str] = numbers) -> str:
            if not numbers:
                waiting.wait(30)
                raise StopIteration
            return f"Please count to {numbers.pop(0)}."

    app.run()
    assert sorted(len(answer.split(",")) for answer in answers) == [3, 4, 5, 6]


def test_a_key_that_is_refused(local_server: Local) -> None:
    client = OpenAI(api_key="wrong", base_url=local_server.url)
    app = Realtime(MODEL, client=client)
    once(app, "Hello!")
    with client, pytest.raises(AuthenticationError):
        app.run()
    assert not app.is_running()


@pytest.mark.parametrize("where", ["yandex", "beta", "azure"])
def test_on_other_providers(local_server: Local, where: str) -> None:
    """Against fronts of the embedded server that speak as those do."""
    rules: Any = {"yandex": YandexRules, "beta": BetaRules, "azure": AzureRules}[where]
    embedded = Server(local_server.url, local_server.api_key, cast("Any", None))
    with open_front(rules, embedded) as front:
        model, client = provider(where, front.url, local_server.api_key)
        app = Realtime(model, client=client, modalities=["text"], tools=[get_weather])
        answers: list[str] = []
        app.receiver("text")(lambda text, context: answers.append(text))
        questions = iter(["Hello!", "What is the weather in London?"])

        @app.sender(wait_for_text_response=True)
        def send(context: Context) -> str:
            return next(questions)

        app.run()
    assert answers[0] == "Hello! How can I help you?"
    assert "The weather in London is foggy" in answers[-1]


def provider(where: str, url: str, key: str) -> tuple[str, Client]:
    if where == "yandex":
        base_url = f"{url}/v1"
        return dialect_clients.MODEL, YandexAIStudio(
            api_key=key, folder_id="b1g", base_url=base_url, proxy=""
        )
    if where == "beta":
        base_url = f"{url}/v1"
        return "gpt-realtime", OpenAI(api_key=key, base_url=base_url, dialect="beta", proxy="")
    return "my-deployment", AzureOpenAI(azure_endpoint=url, api_key=key, api_version="", proxy="")


@posix
def test_ctrl_c_at_any_moment(guard: Guard) -> None:
    """It ends the app, whatever it strikes: no thread is left, and the app may run again."""
    struck = 0
    for number in range(60):
        server = ScriptedServer([spoken_answer("One.") for _ in range(400)])
        app = Realtime(MODEL, client=ScriptedClient(server))
        app.sender()(lambda context: "Hi.")
        app.receiver("audio_transcript")(lambda text, context: None)
        ended = threading.Timer(5, app.stop)
        ended.start()
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005 * (number + 1))
            app.run()
        except KeyboardInterrupt:
            struck += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            ended.cancel()
            ended.join()
        assert not app.is_running()
        guard.until(lambda: not threads_of_apps(), "the end of all threads")
    print(f"\nstruck {struck} times")
    assert struck


def threads_of_apps() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("realtime_sync.app")]


@pytest.fixture(autouse=True)
def _alarm_is_ctrl_c() -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return

    def strike(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, strike)
    yield
    signal.signal(signal.SIGALRM, before)


# -- as programs -----------------------------------------------------------------------------------

PROGRAM = """
import signal
import threading

from realtime_sync.app import Realtime, async_input

app = Realtime("gpt-realtime-2", modalities=["text"])
{setup}

@app.sender(wait_for_text_response=True)
def send(context):
    return async_input("You: ")

@app.receiver("text")
def receive(text, context):
    print(text, flush=True)
    {receive}

try:
    app.run()
except KeyboardInterrupt:
    print("interrupted")
print([t.name for t in threading.enumerate() if t.name.startswith("realtime_sync")])
"""


def start(local_server: Local, tmp_path: Path, **parts: str) -> subprocess.Popen[str]:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.format(**{"setup": "", "receive": "pass", **parts}))
    environment = {
        **os.environ,
        "OPENAI_API_KEY": local_server.api_key,
        "OPENAI_BASE_URL": str(local_server.url),
        "PYTHONPATH": str(REPOSITORY),
    }
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-u", "-W", "error", str(file)],
        env=environment,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def read_to(program: subprocess.Popen[str], words: str) -> None:
    assert program.stdout is not None
    output = ""
    while not output.endswith(words):
        piece = program.stdout.read(1)
        assert piece, output
        output += piece


@posix
@pytest.mark.parametrize("asked", [0, 1])
def test_ctrl_c_at_the_prompt(local_server: Local, tmp_path: Path, asked: int) -> None:
    """Nobody is left in `input`, which would abort the interpreter."""
    with start(local_server, tmp_path) as program:
        assert program.stdin is not None
        read_to(program, "You: ")
        for _ in range(asked):
            program.stdin.write("Hello!\n")
            program.stdin.flush()
            read_to(program, "You: ")
        program.send_signal(signal.SIGINT)
        program.wait(60)  # and only then `communicate`, which closes the terminal
        output, errors = program.communicate()
    assert (program.returncode, errors) == (0, "")
    assert output == "interrupted\n[]\n"


@posix
def test_a_signal_handler_may_stop_it(local_server: Local, tmp_path: Path) -> None:
    setup = "signal.signal(signal.SIGTERM, lambda *_: app.stop())"
    with start(local_server, tmp_path, setup=setup) as program:
        read_to(program, "You: ")
        program.send_signal(signal.SIGTERM)
        program.wait(60)
        output, errors = program.communicate()
    assert (program.returncode, errors, output) == (0, "", "[]\n")


def test_the_end_of_the_input_is_an_error(local_server: Local, tmp_path: Path) -> None:
    with start(local_server, tmp_path) as program:
        _, errors = program.communicate("Hello!\n", timeout=60)
    assert program.returncode == 1
    assert "EOFError" in errors


def test_an_error_in_a_receiver_ends_a_program(local_server: Local, tmp_path: Path) -> None:
    with start(local_server, tmp_path, receive="raise LookupError(text)") as program:
        assert program.stdin is not None
        program.stdin.write("Hello!\n")
        program.stdin.flush()
        assert program.wait(60) == 1, "though the terminal says nothing"
        assert program.stderr is not None
        errors = program.stderr.read()
    assert "LookupError: Hello! How can I help you?" in errors
    assert "the receiver 'receive' has failed" in errors
