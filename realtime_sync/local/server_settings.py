"""What can be set when the server starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attrs import frozen

from ..errors import ConfigError

__all__ = ["KEY_VARIABLE", "LOG_LEVELS", "ServerSettings", "recogniser_spec"]

KEY_VARIABLE = "REALTIME_SYNC_LOCAL_KEY"
LOG_LEVELS = ("debug", "info", "warning", "error")

_LONGEST_SPEC_BYTES = 100_000  # Linux gives one argument of a process 128 KiB
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
        drain_s: how long open sessions may go on when the server is asked to end; 0 closes them
            at once.
        log_level: the lowest level of what is logged to standard error: ``"debug"``, ``"info"``,
            ``"warning"`` or ``"error"``.

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
    drain_s: float = 20.0
    log_level: str = "warning"

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"the port is {self.port}; choose one from 1 to 65535, or 0")
        for name in ("session_limit_s", "ping_interval_s", "idle_timeout_s"):
            seconds = getattr(self, name)
            if not seconds > 0:
                words = name.removesuffix("_s").replace("_", " ")
                raise ConfigError(f"the {words} is {seconds:g}; give seconds greater than 0")
        if not 0 <= self.drain_s < math.inf:
            raise ConfigError(f"the drain limit is {self.drain_s:g}; give seconds, 0 for none")
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(
                f"log level {self.log_level!r} is unknown; choose {', '.join(LOG_LEVELS)}"
            )
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
