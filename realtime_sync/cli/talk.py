"""``realtime-sync talk``: a spoken conversation at the command line."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from ..audio.base import Sink, Source, SourceWrapper
from ..audio.echo_canceller import EchoCanceller
from ..audio.echo_gate import EchoGate
from ..audio.microphone import Microphone
from ..audio.pcm import level_dbfs
from ..audio.speaker import Speaker
from ..audio.virtual import VirtualMicrophone, VirtualSpeaker
from ..audio.wav import WavSink
from ..connection import RealtimeConnection
from ..errors import (
    AudioError,
    ConfigError,
    ConnectionClosed,
    DeviceError,
    RealtimeError,
    RealtimeTimeout,
)
from ..tools.schema import Tool, describe
from ..voice.idle import IdleRule
from ..voice.interruptions import Interruptions
from ..voice.loop import VoiceLoop
from ._console import open_console
from ._interview import Interview, Progress
from ._keys import watch_keys
from ._logs import logs_to
from ._providers import MODELS, PROVIDERS, TRANSCRIBERS, open_client, open_project
from ._screen import TalkScreen
from ._silence import SilenceWatch
from ._tools import get_weather, load_tools
from ._wording import in_our_words

__all__ = ["talk"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_ECHO: dict[str, Callable[[], EchoGate | EchoCanceller]] = {
    "gate": EchoGate,
    "cancel": EchoCanceller,
}
_INTERRUPTIONS: dict[str, Interruptions | bool] = {
    "off": False,
    "on": True,  # the server decides
    "resume": Interruptions(resume=True),
}
_SETTLING_S = 5.0
_STILL_THERE = "Are you still there?"
_NO_MICROPHONE = "to talk with recordings instead: realtime-sync talk --input QUESTION.wav"
_SILENT_MICROPHONE = (
    "the microphone has delivered nothing but silence so far: see that it is not muted, that this "
    "program may use it, and that it is the system's default (realtime-sync devices --meter 5)"
)


@frozen(kw_only=True)
class _Options:
    """What is given on the command line."""

    inputs: tuple[Path, ...]
    output: Path | None
    provider: str
    project: str | None
    url: str | None
    model: str | None
    voice: str | None
    instructions: str | None
    tool_names: tuple[str, ...]
    interruptions: str
    idle_s: float | None
    hang_up_s: float | None
    push_to_talk: bool
    half_duplex: bool
    echo: str | None


@click.command()
@click.option(
    "--input",
    "inputs",
    type=_FILE,
    multiple=True,
    help="Sound file to say instead of the microphone; several are said in turn.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="WAV file for the answers instead of the speaker.",
)
@click.option(
    "--provider",
    type=click.Choice(PROVIDERS),
    default="local",
    show_default=True,
    help="Whom to talk to: the embedded server; OpenAI (key in OPENAI_API_KEY); Azure OpenAI "
    "(AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY); Yandex AI Studio (YANDEX_FOLDER_ID, "
    "YANDEX_API_KEY); a project of AI Refinery's Distiller (API_KEY, and --project).",
)
@click.option("--project", metavar="NAME", help="The project, with --provider airefinery.")
@click.option("--url", help="Base URL of a server that runs already, such as realtime-sync serve.")
@click.option(
    "--model",
    help="The model's name, or the deployment's for Azure; by default "
    f"{MODELS['openai']} for OpenAI, {MODELS['yandex']} for Yandex.",
)
@click.option("--voice", metavar="NAME", help="The model's voice, as the provider calls it.")
@click.option("--instructions", help="What the model is told before the conversation.")
@click.option(
    "--tools",
    "tool_names",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="A Python function that the model may call, with annotations and a docstring; can be "
    "given more than once.",
)
@click.option(
    "--interruptions",
    type=click.Choice(list(_INTERRUPTIONS)),
    default="on",
    show_default=True,
    help="What your voice does to an answer. off: nothing, you are answered afterwards; on: the "
    "server decides; resume: it pauses, and goes on after a cough or an mhm.",
)
@click.option(
    "--idle",
    "idle_s",
    type=click.FloatRange(0, 86400, min_open=True),
    metavar="SECONDS",
    help="After so much silence you are asked whether you are still there.",
)
@click.option(
    "--hang-up",
    "hang_up_s",
    type=click.FloatRange(0, 86400, min_open=True),
    metavar="SECONDS",
    help="After so much more silence the talk ends; with --idle.",
)
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
def talk(**given: Any) -> None:
    """Talk to a realtime model, with a microphone and a speaker or with WAV files.

    End it with Ctrl-C; with --input it ends after the last answer. The exit code is 0 when there
    was an answer, with --input to each recording.
    """
    options = _Options(**given)
    _check_options(options)
    _check_project(options)
    idle = _idle_rule(options)
    echo = None if options.echo is None else _ECHO[options.echo]()
    tools = _tools(options)
    with ExitStack() as stack:
        screen = stack.enter_context(TalkScreen(open_console()))
        stack.enter_context(logs_to(screen.note))
        connection, hears_always = _connect(stack, options, tools)
        source = _open_source(stack, options.inputs)
        sink = _open_sink(stack, options.output, screen)
        screen.follow(sink.played_ms, lambda: connection.session_facts.output.bytes_per_s)
        watch = None if options.inputs else SilenceWatch()
        loop = VoiceLoop(
            connection,
            _Metered(source, screen, watch),
            sink,
            tools=tools,
            on_event=screen.show,
            push_to_talk=options.push_to_talk,
            half_duplex=options.half_duplex or not hears_always,
            echo=echo,
            interruptions=_INTERRUPTIONS[options.interruptions],
            idle=idle,
        )
        if options.push_to_talk:
            stack.enter_context(watch_keys(_Button(loop, screen)))
        if isinstance(source, Interview):
            source.follow(screen.progress, settled=lambda: loop.idle)
        _show_hint(screen, options, hears_always=hears_always)
        loop.run()
    _conclude(screen, options.output)
    _check_success(screen.progress, source, watch)


def _check_options(options: _Options) -> None:
    if options.push_to_talk and options.inputs:
        raise click.UsageError("--push-to-talk is for the microphone; leave out --input")
    if options.output is not None and any(map(options.output.samefile, _existing(options))):
        raise click.UsageError(
            f"--output would overwrite the recording {options.output}; name another file"
        )
    if options.half_duplex and options.echo is not None:
        raise click.UsageError("--half-duplex hears no echo; leave out --echo")
    if options.half_duplex and options.interruptions == "resume":
        raise click.UsageError("--half-duplex hears no interruption; leave out --interruptions")


def _existing(options: _Options) -> list[Path]:
    """Return the recordings, if there is a file in the place of the output."""
    assert options.output is not None
    return [each for each in options.inputs if options.output.exists() and each.exists()]


def _check_project(options: _Options) -> None:
    """Refuse what does not go together with a Distiller's project, which has its own settings."""
    if options.provider != "airefinery":
        if options.project is not None:
            raise click.UsageError("--project goes with --provider airefinery")
        return
    if options.project is None:
        raise click.UsageError("--provider airefinery needs --project with the project's name")
    settings = {
        "--model": options.model,
        "--voice": options.voice,
        "--instructions": options.instructions,
        "--tools": options.tool_names,
        "--idle": options.idle_s,
        "--push-to-talk": options.push_to_talk,
        "--interruptions": options.interruptions != "on",
    }
    for name, is_given in settings.items():
        if is_given:
            raise click.UsageError(
                f"{name} is not for a Distiller's project, whose configuration says it; leave it "
                "out"
            )


def _idle_rule(options: _Options) -> IdleRule | None:
    if options.idle_s is None:
        if options.hang_up_s is not None:
            raise click.UsageError("--hang-up comes after --idle; give that, too")
        return None
    return IdleRule(after_s=options.idle_s, say=_STILL_THERE, end_after_s=options.hang_up_s)


def _tools(options: _Options) -> dict[str, Tool]:
    shipped = {"get_weather": describe(get_weather)} if options.provider == "local" else {}
    return shipped | load_tools(options.tool_names)


def _connect(
    stack: ExitStack, options: _Options, tools: Mapping[str, Tool]
) -> tuple[RealtimeConnection, bool]:
    """Return a connection that is ready to talk, and whether it hears the user all the time."""
    if options.project is not None:
        return _connect_project(stack, options, options.project)
    realtime = open_client(stack, options.provider, options.url)
    model = options.model or MODELS.get(options.provider)
    connection = stack.enter_context(realtime.connect(model=model))
    connection.session.update(session=_session(options, tools))
    _await_settings(connection)
    return connection, True


def _await_settings(connection: RealtimeConnection) -> None:
    """Wait until the server has taken the settings, before anything tells what else is wrong then.

    Raises:
        ServerError: it refuses them.
    """
    # A server that doesn't say so may take them all the same; one that has left ends the talk.
    with suppress(RealtimeTimeout, ConnectionClosed):
        connection.wait_for("session.updated", timeout=_SETTLING_S)


def _connect_project(
    stack: ExitStack, options: _Options, project: str
) -> tuple[RealtimeConnection, bool]:
    connection, hears_always = open_project(stack, project, options.url)
    if options.echo is not None and not hears_always:
        raise click.UsageError(
            f"project {project!r} hears nobody while it answers, and so no echo; leave out --echo"
        )
    return connection, hears_always


def _show_hint(screen: TalkScreen, options: _Options, *, hears_always: bool) -> None:
    """Tell whoever has a microphone what to know before the first word."""
    if options.inputs:
        return
    if options.push_to_talk:
        screen.note("press space or enter to talk, and again when you have finished")
    elif not hears_always:
        screen.note("speak when no answer plays: this project hears nobody meanwhile")
    elif not (options.output or options.echo or options.half_duplex):
        screen.note("speak whenever you like; with headphones, or with --echo gate")


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
        why = in_our_words(str(exc))
        screen.note(f"the answers appear as text only ({why}); --output FILE.wav keeps the sound")
        return stack.enter_context(VirtualSpeaker())


def _session(options: _Options, tools: Mapping[str, Tool]) -> Any:
    heard: dict[str, Any] = {}
    if options.provider in TRANSCRIBERS:
        heard["transcription"] = {"model": TRANSCRIBERS[options.provider]}
    if options.push_to_talk:
        heard["turn_detection"] = None
    audio: dict[str, Any] = {"input": heard} if heard else {}
    if options.voice is not None:
        audio["output"] = {"voice": options.voice}
    session: dict[str, Any] = {"type": "realtime"}
    if audio:
        session["audio"] = audio
    if tools:
        session["tools"] = [tool.declaration() for tool in tools.values()]
    if options.instructions is not None:
        session["instructions"] = options.instructions
    return session


def _conclude(screen: TalkScreen, output: Path | None) -> None:
    if len(screen.latencies_ms) > 1:
        median = statistics.median(screen.latencies_ms)
        screen.note(f"first audio {median:.0f} ms after the end of speech (median)")
    if output is not None:
        screen.note(f"the answers are in {click.format_filename(output)}")


def _check_success(progress: Progress, source: Source, watch: SilenceWatch | None) -> None:
    """Raise where the talk has ended without what it was for.

    Raises:
        RealtimeError: there was no answer, with recordings to one of them.
    """
    if isinstance(source, Interview) and source.unanswered:
        raise RealtimeError(f"not answered: {', '.join(source.unanswered)}")
    if progress.answered:
        return
    if watch is not None and not watch.heard:
        raise AudioError("nothing but silence has come from the microphone")
    who = "nothing was answered" if progress.turns else "nobody was heard to speak"
    raise RealtimeError(f"{who} before the talk ended")


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
    """A source whose level is shown, and watched for silence if it is a microphone."""

    def __init__(self, source: Source, screen: TalkScreen, watch: SilenceWatch | None) -> None:
        super().__init__(source)
        self._screen = screen
        self._watch = watch

    def __iter__(self) -> Iterator[bytes]:
        for chunk in super().__iter__():
            dbfs = level_dbfs(chunk)
            self._screen.tick(dbfs)
            if self._watch is not None and self._watch.hear(len(chunk) / 2 / self.rate, dbfs):
                self._screen.note(_SILENT_MICROPHONE)
            yield chunk
