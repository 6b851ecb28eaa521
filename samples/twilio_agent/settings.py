"""The settings of the bridge, from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from realtime_sync import ConfigError
from realtime_sync.telephony import dial_twiml

__all__ = ["Settings"]

_NEEDED = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "PUBLIC_URL", "CALLS_TOKEN")
_PUBLIC_URL = re.compile(r"https?://[^\s?#]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What differs between one bridge and another.

    Attributes:
        account_sid: of Twilio's account (``TWILIO_ACCOUNT_SID``).
        auth_token: its secret, which signs Twilio's requests and ours (``TWILIO_AUTH_TOKEN``).
        caller_number: the number from which it calls, such as ``+15550100`` (``TWILIO_FROM``).
        public_url: where Twilio reaches this app, such as ``https://phone.example.com``; its
            signatures are about this address, whatever the proxy asks for (``PUBLIC_URL``).
        calls_token: the bearer token of those who may order calls (``CALLS_TOKEN``).
        transfer_to: numbers to put callers through to, by name (``TRANSFER_TO``:
            ``desk=+15550111,billing=+15550112``). The first is for calls that fail, too.
        voicemail: what an answering machine is told, else it is hung up (``VOICEMAIL``).
        recordings: the folder of the recordings and of ``calls.db`` (``RECORDINGS``).
        max_calls: how many at once in each process (``MAX_CALLS``).
        drain_s: seconds that calls may go on after SIGTERM (``DRAIN_S``).
        api_url: of Twilio's REST, or of a simulator (``TWILIO_API_URL``).
    """

    account_sid: str
    auth_token: str = field(repr=False)
    caller_number: str
    public_url: str
    calls_token: str = field(repr=False)
    transfer_to: Mapping[str, str] = field(default_factory=dict)
    voicemail: str = ""
    recordings: Path = Path("recordings")
    max_calls: int = 20
    drain_s: float = 20.0
    api_url: str = "https://api.twilio.com"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read them.

        Raises:
            ConfigError: some are missing or wrong; it names all that are missing.
        """
        if missing := [name for name in _NEEDED if not environment.get(name)]:
            raise ConfigError(
                f"the environment lacks {', '.join(missing)}; see samples/twilio_agent/README.md"
            )
        return cls(
            account_sid=environment["TWILIO_ACCOUNT_SID"],
            auth_token=environment["TWILIO_AUTH_TOKEN"],
            caller_number=_callable("TWILIO_FROM", environment["TWILIO_FROM"]),
            public_url=_public_url(environment["PUBLIC_URL"]),
            calls_token=environment["CALLS_TOKEN"],
            transfer_to=_numbers(environment.get("TRANSFER_TO", "")),
            voicemail=environment.get("VOICEMAIL", ""),
            recordings=Path(environment.get("RECORDINGS") or "recordings"),
            max_calls=int(_number(environment, "MAX_CALLS", "20")),
            drain_s=_number(environment, "DRAIN_S", "20"),
            api_url=environment.get("TWILIO_API_URL") or "https://api.twilio.com",
        )

    @property
    def media_url(self) -> str:
        """Where Twilio streams calls to."""
        return "ws" + self.public_url.removeprefix("http") + "/media"


def _numbers(text: str) -> dict[str, str]:
    numbers = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        name, equals, number = (part.strip() for part in entry.partition("="))
        if not (name and equals and number):
            raise ConfigError(
                f"TRANSFER_TO has {entry!r}, which is no name with a number; write desk=+15550111"
            )
        numbers[name.lower()] = _callable("TRANSFER_TO", number)  # whatever case a model writes
    return numbers


def _callable(name: str, number: str) -> str:
    try:
        dial_twiml(number)
    except ConfigError:
        raise ConfigError(
            f"{name} has {number!r}, which can't be called; write one such as +15550111"
        ) from None
    return number


def _public_url(text: str) -> str:
    if not _PUBLIC_URL.fullmatch(text):
        raise ConfigError("PUBLIC_URL is no address; write one such as https://phone.example.com")
    return text.rstrip("/")


def _number(environment: Mapping[str, str], name: str, default: str) -> float:
    text = environment.get(name) or default
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 1_000_000:
        raise ConfigError(f"{name}={text!r} is no number from 1; write one such as {default}")
    return number
