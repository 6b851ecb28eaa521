"""``realtime-sync talk``: a spoken conversation at the command line."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from ..audio.base import Sink, Source, SourceWrapper
from ..audio.echo_canceller import EchoCanceller
from ..audio.echo_gate import EchoGate
from ..audio.microphone import Microphone
from ..audio.pcm import level_dbfs
from ..audio.speaker import Speaker
from ..audio.virtual import VirtualMicrophone, VirtualSpeaker
from ..audio.wav import WavSink
from ..clients.azure import AzureOpenAI
from ..clients.local import Local
from ..clients.openai import OpenAI
from ..clients.yandex import YandexAIStudio
from ..errors import ConfigError, ConnectionClosed, DeviceError
from ..voice.loop import VoiceLoop
from ._interview import Interview
from ._keys import watch_keys
from ._screen import TalkScreen

if TYPE_CHECKING:
    from ..clients.base import RealtimeResource

__all__ = ["talk"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MODELS = {"openai": "gpt-realtime-2", "yandex": "speech-realtime-260528"}
# Yandex AI Studio tells what it understood without being asked.
_TRANSCRIBERS = {"openai": "gpt-4o-mini-transcribe", "azure": "whisper-1", "local": "local"}
_WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city. For demonstration: it is made up.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
_ECHO: dict[str, Callable[[], EchoGate | EchoCanceller]] = {
    "gate": EchoGate,
    "cancel": EchoCanceller,
}
_NO_MICROPHONE = "to talk with recordings instead: realtime-sync talk --input QUESTION.wav"


@click.command()
@click.option(
    "--input",
    "inputs",
    type=_FILE,
    multiple=True,
    help="WAV file to say instead of the microphone; several are said in turn.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="WAV file for the answers instead of the speaker.",
)
@click.option(
    "--provider",
    type=click.Choice(["local", "openai", "azure", "yandex"]),
    default="local",
    show_default=True,
    help="Whom to talk to: the embedded server; OpenAI (key in OPENAI_API_KEY); Azure OpenAI "
    "(AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY); Yandex AI Studio (YANDEX_FOLDER_ID, "
    "YANDEX_API_KEY).",
)
@click.option("--url", help="Base URL of a server that runs already, such as realtime-sync serve.")
@click.option(
    "--model",
    help="The model's name, or the deployment's for Azure; by default "
    f"{_MODELS['openai']} for OpenAI, {_MODELS['yandex']} for Yandex.",
)
@click.option("--instructions", help="What the model is told before the conversation.")
@click.option(
    "--push-to-talk", is_flag=True, help="Space or enter begins to talk, and again ends it."
)
@click.option(
    "--half-duplex",
    is_flag=True,
    help="The microphone is muted while the answer plays: no echo, and no interruption by voice.",
)
@click.option(
    "--echo",
    type=click.Choice(list(_ECHO)),
    help="Against the speaker in the microphone: by its level, or cancelled (extra [aec]).",
)
def talk(
    inputs: tuple[Path, ...],
    output: Path | None,
    provider: str,
    url: str | None,
    model: str | None,
    instructions: str | None,
    push_to_talk: bool,
    half_duplex: bool,
    echo: str | None,
) -> None:
    """Talk to a realtime model, with a microphone and a speaker or with WAV files.

    End it with Ctrl-C; with --input it ends after the last answer.
    """
    _check_options(inputs, push_to_talk=push_to_talk, half_duplex=half_duplex, echo=echo)
    with ExitStack() as stack:
        control = None if echo is None else _ECHO[echo]()
        screen = stack.enter_context(TalkScreen(Console(highlight=False)))
        source = _open_source(stack, inputs)
        sink = _open_sink(stack, output, screen)
        screen.follow(sink.played_ms)
        if push_to_talk:
            screen.note("press space or enter to talk, and again when you have finished")
        elif not (inputs or output or echo or half_duplex):
            screen.note("speak whenever you like; with headphones, or with --echo gate")
        realtime = _open_client(stack, provider, url)
        model = model or _MODELS.get(provider)
        connection = stack.enter_context(realtime.connect(model=model))
        tools = {"get_weather": _get_weather} if provider == "local" else {}
        session = _session(provider, instructions, push_to_talk=push_to_talk)
        connection.session.update(session=session)
        loop = VoiceLoop(
            connection,
            _Metered(source, screen),
            sink,
            tools=tools,
            on_event=screen.show,
            push_to_talk=push_to_talk,
            half_duplex=half_duplex,
            echo=control,
        )
        if push_to_talk:
            stack.enter_context(watch_keys(_Button(loop, screen)))
        if isinstance(source, Interview):
            source.follow(answered=lambda: screen.answers, settled=lambda: loop.idle)
        loop.run()
    _conclude(screen, output)


def _open_source(stack: ExitStack, inputs: tuple[Path, ...]) -> Source:
    if inputs:
        return Interview(inputs, stack.enter_context(VirtualMicrophone()))
    try:
        return stack.enter_context(Microphone())
    except (ConfigError, DeviceError) as exc:
        raise type(exc)(f"{exc}; {_NO_MICROPHONE}") from exc


def _open_sink(stack: ExitStack, output: Path | None, screen: TalkScreen) -> Sink:
    if output is not None:
        return stack.enter_context(WavSink(output))
    try:
        return stack.enter_context(Speaker())
    except (ConfigError, DeviceError) as exc:
        screen.note(f"the answers appear as text only ({exc}); --output FILE.wav keeps the sound")
        return stack.enter_context(VirtualSpeaker())


def _open_client(stack: ExitStack, provider: str, url: str | None) -> RealtimeResource:
    if provider == "openai":
        return OpenAI(base_url=url).realtime
    if provider == "azure":
        return AzureOpenAI(base_url=url).realtime
    if provider == "yandex":
        return YandexAIStudio(base_url=url).realtime
    return stack.enter_context(Local(url=url)).realtime


def _check_options(
    inputs: tuple[Path, ...], *, push_to_talk: bool, half_duplex: bool, echo: str | None
) -> None:
    if push_to_talk and inputs:
        raise click.UsageError("--push-to-talk is for the microphone; leave out --input")
    if half_duplex and echo is not None:
        raise click.UsageError("--half-duplex hears no echo; leave out --echo")


def _session(provider: str, instructions: str | None, *, push_to_talk: bool) -> Any:
    session: dict[str, Any] = {"type": "realtime"}
    heard: dict[str, Any] = {}
    if provider in _TRANSCRIBERS:
        heard["transcription"] = {"model": _TRANSCRIBERS[provider]}
    if push_to_talk:
        heard["turn_detection"] = None
    if heard:
        session["audio"] = {"input": heard}
    if provider == "local":
        session["tools"] = [_WEATHER]
    if instructions is not None:
        session["instructions"] = instructions
    return session


def _get_weather(city: str) -> dict[str, object]:
    """The tool for which the embedded server's assistant has an answer: ask for the weather."""
    return {"city": city, "condition": "sunny", "temperature": 21, "note": "made up"}


def _conclude(screen: TalkScreen, output: Path | None) -> None:
    if len(screen.latencies_ms) > 1:
        median = statistics.median(screen.latencies_ms)
        screen.note(f"first audio {median:.0f} ms after the end of speech (median)")
    if output is not None:
        screen.note(f"the answers are in {output}")


class _Button:
    """Begins to talk, and the next time ends it."""

    def __init__(self, loop: VoiceLoop, screen: TalkScreen) -> None:
        self._loop = loop
        self._screen = screen
        self._down = False

    def __call__(self) -> None:
        self._down = not self._down
        with suppress(ConnectionClosed):  # the loop tells it
            if self._down:
                self._loop.press()
                self._screen.note("you talk")
            elif not self._loop.release():
                self._screen.note("that was too short; press, speak, and press again")


class _Metered(SourceWrapper):
    """A source whose level is shown."""

    def __init__(self, source: Source, screen: TalkScreen) -> None:
        super().__init__(source)
        self._screen = screen

    def __iter__(self) -> Iterator[bytes]:
        for chunk in super().__iter__():
            self._screen.tick(level_dbfs(chunk))
            yield chunk
