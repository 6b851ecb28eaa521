"""What the library says to programs is said in the command line's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime_sync.cli._wording import _WORDS, in_our_words

PACKAGE = Path(__file__).parents[3] / "realtime_sync"

# What only a program reads: an argument, a call, a class or a method.
PYTHON = re.compile(r"\b[a-z_]+=[^\s\"]|\w\(|\b[A-Z][a-z]+[A-Z]\w*|\b[a-z]+_[a-z_]+\b")
# Names that look like it, and are none.
NAMES = re.compile(
    r"realtime_sync\[|my_tools:|\bPyAudio\b|\bPortAudio\b|\bPulseAudio\b|\bWebSocket\b|\bOpenAI\b"
)

# Where what `realtime-sync talk` does may fail with a message for whoever types it.
PLACES = (
    "audio", "clients", "providers", "_net", "voice", "errors.py", "distiller/account.py",
    "distiller/distiller_link.py", "distiller/projects.py", "distiller/server_pings.py",
    "distiller/session_ends.py",
)  # fmt: skip
# Messages that it can't cause: it gives none of these arguments, or other ones before.
NEVER = (
    # audio: its own buffers, rates and devices are right, and it opens them
    "delay_ms=", "queue_ms=", "prebuffer_ms=", "gain=", "when_full=", "chunk_ms=", "pace=",
    "trailing_silence_ms=", "threshold=", "silence_ms=", "quality=", "capacity_frames=",
    "np.nan_to_num", "PCM16 bytes or a NumPy array", "mix_down(x", "x.astype(",
    ".astype(np.float32)", "x / np.float32(", "x.view(", 'open(path, "rb")',
    "7 is no length", "item_id=7 is none", "device=7 is none", "pcm=7 is no sound",
    "os.fsdecode(path)", "the source's __iter__", "that is none", "is a class;",
    "content_index=7 is no",
    "with Microphone()", "with Speaker()", "realtime_sync.audio.", "before close()",
    # clients: it asks for nothing of the beta's, and gives texts
    "the beta's ", "of connections;", "api_key is a 7", "such as OpenAI() or Local()",
    # clients: it gives no key, no headers, no endpoint and no option of a server
    "exclude each other: pass one", "azure_endpoint and base_url", "or a base_url",
    "default_headers is", "=7 is wrong; give a list", "unexpected keyword argument",
    "callable returned no key", "model and call_id", "no calls to join",
    "the dialect factory returned", "for example model='speech", "what has a token()",
    "write websocket_connection_options={", "write connection.session.update(session=…)",
    # voice: it gives rules that are right, and asks for no words
    "backchannels=", "verdict_s=", "min_ms and resume", "runs once", "say() takes",
    "unknown_tools must", "a voice loop takes", "must be an object with process()",
    "interruptions=Interruptions()", "is no rule", "push_to_talk and vad", "Vad(rate=",
    "does not switch off interrupt_response", "half_duplex exclude",
)  # fmt: skip


def text_of(node: ast.AST) -> str:
    """A text of the source, with 7 in the place of what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(value) or "7" for value in node.values)
    return ""


def texts(node: ast.AST) -> Iterator[str]:
    if text := text_of(node):
        yield text
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def messages(path: Path) -> Iterator[str]:
    """The sentences of a file that are raised, returned or kept to be raised; no docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise | ast.Return | ast.Assign):
            value = node.exc if isinstance(node, ast.Raise) else node.value
            for text in texts(value) if value is not None else ():
                if len(text) > 25 and " " in text:
                    yield text


FILES = [
    path
    for place in PLACES
    for path in (
        [PACKAGE / place] if place.endswith(".py") else sorted((PACKAGE / place).rglob("*.py"))
    )
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_message_names_what_a_program_would_write(path: Path) -> None:
    for message in messages(path):
        if not any(never in message for never in NEVER):
            ours = NAMES.sub("", in_our_words(message))
            assert not PYTHON.search(ours), f"say it in realtime_sync/cli/_wording.py: {message}"


def test_every_entry_is_for_a_message_that_there_is() -> None:
    said = [text for path in sorted(PACKAGE.rglob("*.py")) for text in messages(path)]
    unused = [words for words, _ in _WORDS if not any(re.search(words, text) for text in said)]
    assert unused == []


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        (
            "no API key: pass api_key=… or set OPENAI_API_KEY; Local() needs none",
            "no API key: set OPENAI_API_KEY; --provider local needs none",
        ),
        (
            "pass folder_id=… to the client, set YANDEX_FOLDER_ID, or give the whole name: 'gpt://F/m'",
            "set YANDEX_FOLDER_ID, or give the whole name: --model gpt://F/m",
        ),
        (
            "this machine has no microphone: connect one, or use a file (WavSource, WavSink)",
            "this machine has no microphone: connect one",
        ),
        (
            "there is no button to press; make VoiceLoop(push_to_talk=True)",
            "there is no button to press; give --push-to-talk",
        ),
        (
            "it has ended; client.realtime_distiller(project=…, uuid=…) opens another",
            "it has ended; start again",
        ),
        ("out of memory", "out of memory"),
    ],
)
def test_it_is_the_same_message(said: str, ours: str) -> None:
    assert in_our_words(said) == ours
