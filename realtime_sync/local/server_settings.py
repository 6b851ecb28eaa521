"""What can be set when the server starts."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from ..errors import ConfigError

__all__ = ["KEY_VARIABLE", "LIMITS", "ServerSettings", "recogniser_spec"]

KEY_VARIABLE = "REALTIME_SYNC_LOCAL_KEY"

_LONGEST_SPEC_BYTES = 100_000  # Linux gives one argument of a process 128 KiB
_SECONDS = (
    "session_limit_s",
    "ping_interval_s",
    "idle_timeout_s",
    "max_input_audio_s",
    "request_timeout_s",
)
_COUNTS = ("max_sessions", "max_items", "max_item_mib", "max_conversation_mib", "max_stored")
# The field of `ServerSettings`, and its option of the command line with the help.
LIMITS = {
    "max_sessions": ("--max-sessions", "Sessions of all kinds that may be open at once."),
    "max_items": ("--max-items", "Items that a conversation may hold."),
    "max_item_mib": ("--max-item-mib", "Size of one of them, its sound included, in MiB."),
    "max_conversation_mib": (
        "--max-conversation-mib",
        "MiB of sound that a conversation keeps, and of everything else that it may hold.",
    ),
    "max_input_audio_s": (
        "--max-input-audio",
        "Seconds of sound that may wait in a session's input buffer.",
    ),
    "request_timeout_s": (
        "--request-timeout",
        "Seconds within which a new connection must have sent a complete request.",
    ),
    "max_stored": (
        "--max-stored",
        "Client secrets, calls, and versions of projects that are kept, of each.",
    ),
}
_LISTED_MODELS = ("gpt-realtime", "gpt-realtime-2", "gpt-realtime-2.1", "local")


@frozen(kw_only=True)
class ServerSettings:
    """The settings of one server.

    Attributes:
        host: the address to bind; the default is this machine only.
        port: the port to bind, 0 for any free one.
        key: the key that clients must show, or None to let everybody in.
        models: the model names to accept, with ``*`` as a wildcard.
        session_limit_s: after how many seconds a session expires.
        responder: see `realtime_sync.local.responders.make_responder`.
        transcriber: see `realtime_sync.local.speech.transcriber.make_transcriber`.
        synthesizer: see `realtime_sync.local.speech.synthesizer.make_synthesizer`.
        tls_cert: PEM file of the certificate chain; with it the server speaks https and wss.
        tls_key: PEM file of its private key, unless ``tls_cert`` holds both.
        projects: the folder of the Distiller's projects; None for a temporary one.
        ping_interval_s: how often a session of the Distiller is asked for a sign of life.
        idle_timeout_s: after how many seconds without a message such a session is closed.
        max_sessions: how many sessions of all kinds may be open at once.
        max_items: how many items a conversation may hold.
        max_item_mib: how large one of them may be, its sound included.
        max_conversation_mib: how much sound a conversation may hold, beyond which the oldest items
            lose theirs, and how much of everything else, beyond which no item is added.
        max_input_audio_s: how much sound may wait in a session's input buffer.
        request_timeout_s: how long a connection may take for its first request to be complete.
        max_stored: how many client secrets, calls and versions of projects are kept, of each.

    Raises:
        ConfigError: a value makes no sense.
    """

    host: str = "127.0.0.1"
    port: int = 0
    key: str | None = None
    models: tuple[str, ...] = ("gpt-*", "local*")
    session_limit_s: float = 3600.0
    responder: str = "scripted"
    transcriber: str = "pocketsphinx"
    synthesizer: str = "espeak"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    projects: Path | None = None
    ping_interval_s: float = 10.0
    idle_timeout_s: float = 1800.0
    max_sessions: int = 512
    max_items: int = 50_000
    max_item_mib: int = 16
    max_conversation_mib: int = 128
    max_input_audio_s: float = 900.0
    request_timeout_s: float = 10.0
    max_stored: int = 10_000

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"the port is {self.port}; choose one from 1 to 65535, or 0")
        for name in _SECONDS:
            seconds = getattr(self, name)
            if not seconds > 0:
                words = name.removesuffix("_s").replace("_", " ")
                raise ConfigError(f"the {words} is {seconds:g}; give seconds greater than 0")
        for name in _COUNTS:
            count = getattr(self, name)
            if count < 1:
                option = name.replace("_", "-")
                raise ConfigError(f"--{option} is {count}; give a number from 1")
        if self.tls_key is not None and self.tls_cert is None:
            raise ConfigError("a TLS key needs its certificate chain: give that as well")

    def knows(self, model: str) -> bool:
        """Return whether clients may ask for ``model``."""
        return any(fnmatchcase(model, pattern) for pattern in self.models)

    def unknown(self, model: str) -> str:
        """Return what to tell a client that asked for another model."""
        return f"The model '{model}' does not exist. This server knows: {', '.join(self.models)}."

    def listed_models(self) -> list[str]:
        """Return names for clients that want to choose one."""
        exact = [name for name in self.models if "*" not in name]
        return exact + [name for name in _LISTED_MODELS if name not in exact and self.knows(name)]


def recogniser_spec(grammar: Path | None, phrases: Sequence[str]) -> str:
    """Return the ``transcriber`` setting: general English, or nothing but a grammar.

    Args:
        grammar: a file with JSGF, or with a sentence per line.
        phrases: sentences, instead of the file; none for general English.

    Raises:
        ConfigError: there are both, or more phrases than the recogniser's process can be told.
    """
    if not phrases:
        return "pocketsphinx" if grammar is None else f"pocketsphinx:{grammar}"
    if grammar is not None:
        raise ConfigError("give the grammar's file or its phrases, not both")
    spec = "phrases:" + "\n".join(phrases)
    if len(spec.encode()) > _LONGEST_SPEC_BYTES:
        raise ConfigError(
            f"{len(phrases)} phrases are too many to pass on; put them into a file, one per "
            "line, and give its path as the grammar"
        )
    return spec
