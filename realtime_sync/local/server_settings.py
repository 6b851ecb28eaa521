"""What can be set when the server starts."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from attrs import field, fields, frozen

from .._headers import check_header
from .._net.secrets import show_url
from ..errors import ConfigError
from .callers import CallerRules

__all__ = ["KEY_VARIABLE", "LOG_LEVELS", "OPTIONS", "ServerOption", "ServerSettings"]

KEY_VARIABLE = "REALTIME_SYNC_LOCAL_KEY"
LOG_LEVELS = ("debug", "info", "warning", "error")

_LONGEST_SPEC_BYTES = 100_000  # Linux gives one argument of a process 128 KiB
_SECONDS = (
    "session_limit_s",
    "ping_interval_s",
    "idle_timeout_s",
    "max_input_audio_s",
    "request_timeout_s",
    "message_timeout_s",
)
_COUNTS = (
    *("max_sessions", "max_items", "max_item_mib", "max_conversation_mib", "max_incoming_mib"),
    "max_stored",
)
_ALWAYS_KNOWN = ("gpt-*", "local*")
_LISTED_MODELS = ("gpt-realtime", "gpt-realtime-2", "gpt-realtime-2.1", "local")


@frozen(kw_only=True)
class ServerOption:
    """How one setting is given: to ``serve``, to a child process, and to `Local`.

    Attributes:
        name: its name in `ServerSettings`.
        default: what it is when it is not given.
        help: what it is for, in a sentence.
        type: makes its value of a text, or each of its values.
        repeatable: it may be given several times, and is a tuple.
        variable: the environment variable that stands in for it, or None.
    """

    name: str
    default: Any
    help: str
    type: Callable[[str], Any]
    repeatable: bool
    variable: str | None

    @property
    def keyword(self) -> str:
        """Its name in ``Local(…)``."""
        return self.name.removesuffix("_s")

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        name = self.keyword.removesuffix("s") if self.repeatable else self.keyword
        return "--" + name.replace("_", "-")


def _about(
    help: str,
    type: Callable[[str], Any] = str,
    *,
    repeatable: bool = False,
    variable: str | None = None,
) -> dict[str, Any]:
    """Return what a field of `ServerSettings` tells of its option, see `ServerOption`."""
    return {"help": help, "type": type, "repeatable": repeatable, "variable": variable}


def _require_text(flag: str, value: object) -> None:
    """Refuse what no file, host or process can be called by; the value may be a secret."""
    for text in value if isinstance(value, tuple) else (value,):
        if not isinstance(text, (str, Path)):
            continue
        try:
            if b"\0" not in os.fsencode(text):
                continue
        except UnicodeEncodeError:  # half of a surrogate pair
            pass
        raise ConfigError(f"{flag} has something in it that is no character; write it anew")


def _none_if_empty(key: str | None) -> str | None:
    return key or None


@frozen(kw_only=True)
class ServerSettings:
    """The settings of one server.

    Each is an option as well, see `OPTIONS`, and says there what it is for.

    Raises:
        ConfigError: a value makes no sense.
    """

    host: str = field(
        default="127.0.0.1", metadata=_about("Address to bind; by default this machine only.")
    )
    port: int = field(default=0, metadata=_about("Port to bind; 0 finds a free one.", int))
    tls_cert: Path | None = field(
        default=None, metadata=_about("Certificate chain (PEM): serve https and wss.", Path)
    )
    tls_key: Path | None = field(
        default=None, metadata=_about("Its private key (PEM), unless in the same file.", Path)
    )
    key: str | None = field(
        default=None,
        converter=_none_if_empty,
        repr=False,
        metadata=_about(
            "Key that clients must show. Better in the environment, where others don't see it.",
            variable=KEY_VARIABLE,
        ),
    )
    allow_hosts: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        metadata=_about(
            "A further name by which clients ask for this server; may be repeated, * allows all.",
            repeatable=True,
        ),
    )
    allow_origins: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        metadata=_about(
            "A site whose pages may use this server; may be repeated, * allows all.",
            repeatable=True,
        ),
    )
    models: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        metadata=_about(
            f"Take models of this name, besides {' and '.join(_ALWAYS_KNOWN)}. May be repeated.",
            repeatable=True,
        ),
    )
    responder: str = field(
        default="scripted",
        repr=show_url,  # it may have a password
        metadata=_about(
            "Who answers: scripted, scripted:FILE.yaml, echo, or chat:URL of a chat endpoint. "
            "A URL with a password is better in the environment.",
            variable="REALTIME_SYNC_LOCAL_RESPONDER",
        ),
    )
    grammar: Path | None = field(
        default=None, metadata=_about("Recognise only this: JSGF, or a sentence per line.", Path)
    )
    phrases: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        metadata=_about(
            "Recognise only this, and what further --phrase say; instead of --grammar.",
            repeatable=True,
        ),
    )
    synthesizer: str = field(default="espeak", metadata=_about("Who speaks: espeak or flite."))
    session_limit_s: float = field(
        default=3600.0, metadata=_about("Seconds after which a session expires.", float)
    )
    projects: Path | None = field(
        default=None,
        metadata=_about(
            "Where the Distiller's projects are kept; by default they go when the server ends.",
            Path,
        ),
    )
    ping_interval_s: float = field(
        default=10.0, metadata=_about("Seconds between two PINGs of the Distiller.", float)
    )
    idle_timeout_s: float = field(
        default=1800.0,
        metadata=_about(
            "Seconds without a message after which the Distiller closes a session.", float
        ),
    )

    drain_s: float = field(
        default=20.0,
        metadata=_about(
            "Seconds that open sessions may go on after SIGTERM; new ones are refused then.", float
        ),
    )
    log_level: str = field(
        default="warning",
        metadata=_about(f"What to log to standard error: {', '.join(LOG_LEVELS)}."),
    )
    max_sessions: int = field(
        default=512, metadata=_about("Sessions of all kinds that may be open at once.", int)
    )
    max_items: int = field(
        default=50_000, metadata=_about("Items that a conversation may hold.", int)
    )
    max_item_mib: int = field(
        default=16,
        metadata=_about("Size of one of them, its sound included, in MiB.", int),
    )
    max_conversation_mib: int = field(
        default=128,
        metadata=_about(
            "MiB of sound that a conversation keeps, and of everything else that it may hold.", int
        ),
    )
    max_input_audio_s: float = field(
        default=900.0,
        metadata=_about("Seconds of sound that may wait in a session's input buffer.", float),
    )
    request_timeout_s: float = field(
        default=10.0,
        metadata=_about(
            "Seconds within which a new connection must have sent a complete request.", float
        ),
    )
    message_timeout_s: float = field(
        default=30.0,
        metadata=_about("Seconds within which a WebSocket message must be complete.", float),
    )
    max_incoming_mib: int = field(
        default=256,
        metadata=_about("MiB that unfinished messages of all clients may take together.", int),
    )
    max_stored: int = field(
        default=10_000,
        metadata=_about("Client secrets, calls, and versions of projects kept, of each.", int),
    )

    def __attrs_post_init__(self) -> None:
        for each in OPTIONS:
            _require_text(each.flag, getattr(self, each.name))
        if self.key is not None:
            check_header("Authorization", self.key)
            if self.key != self.key.strip():
                raise ConfigError(
                    "the key begins or ends with a space, which HTTP takes away; give one without"
                )
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"the port is {self.port}; choose one from 1 to 65535, or 0")
        for name in _SECONDS:
            seconds = getattr(self, name)
            if not seconds > 0:
                words = name.removesuffix("_s").replace("_", " ")
                raise ConfigError(f"the {words} is {seconds:g}; give seconds greater than 0")
        if self.session_limit_s == math.inf:
            raise ConfigError(
                "the session limit is inf, and clients are told the time at which a session "
                "expires; give seconds, such as 1e9"
            )
        if not 0 <= self.drain_s < math.inf:
            raise ConfigError(f"the drain limit is {self.drain_s:g}; give seconds, 0 for none")
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(
                f"log level {self.log_level!r} is unknown; choose {', '.join(LOG_LEVELS)}"
            )
        for name in _COUNTS:
            count = getattr(self, name)
            if count < 1:
                option = name.replace("_", "-")
                raise ConfigError(f"--{option} is {count}; give a number from 1")
        if self.tls_key is not None and self.tls_cert is None:
            raise ConfigError("a TLS key needs its certificate chain: give that as well")
        _ = self.transcriber  # raises
        self.caller_rules()

    def caller_rules(self) -> CallerRules:
        """Return what tells who may ask, by Host and Origin."""
        return CallerRules(self.host, self.allow_hosts, self.allow_origins)

    @property
    def transcriber(self) -> str:
        """Who listens, see `realtime_sync.local.speech.transcriber.make_transcriber`.

        General English, or nothing but a grammar or phrases.
        """
        if not self.phrases:
            return "pocketsphinx" if self.grammar is None else f"pocketsphinx:{self.grammar}"
        if self.grammar is not None:
            raise ConfigError("give the grammar's file or its phrases, not both")
        spec = "phrases:" + "\n".join(self.phrases)
        if len(os.fsencode(spec)) > _LONGEST_SPEC_BYTES:
            raise ConfigError(
                f"{len(self.phrases)} phrases are too many to pass on; put them into a file, one "
                "per line, and give its path as the grammar"
            )
        return spec

    def knows(self, model: str) -> bool:
        """Return whether clients may ask for ``model``."""
        return any(fnmatchcase(model, pattern) for pattern in (*self.models, *_ALWAYS_KNOWN))

    def unknown(self, model: str) -> str:
        """Return what to tell a client that asked for another model."""
        known = ", ".join((*self.models, *_ALWAYS_KNOWN))
        return (
            f"The model '{model}' does not exist. This server knows: {known}; "
            "its option --model adds others."
        )

    def listed_models(self) -> list[str]:
        """Return names for clients that want to choose one."""
        exact = [name for name in self.models if "*" not in name]
        return exact + [name for name in _LISTED_MODELS if name not in exact]


OPTIONS = tuple(
    ServerOption(name=each.name, default=each.default, **each.metadata)
    for each in fields(ServerSettings)
)
"""All of them, in the order in which ``--help`` shows them."""
