"""What a voice loop may be given, beside its rules."""

from __future__ import annotations

from .._required import require, require_flag, require_function
from ..errors import ConfigError

__all__ = ["check_options"]

_UNKNOWN_TOOLS = ("refuse", "leave")


def check_options(
    *,
    connection: object,
    on_event: object,
    unknown_tools: object,
    push_to_talk: object,
    vad: object,
    echo: object,
    half_duplex: object,
    clock: object,
) -> None:
    """Refuse options that can't be meant; they are those of `realtime_sync.voice.VoiceLoop`.

    Raises:
        ConfigError: one is of another type.
    """
    fits = not isinstance(connection, type) and hasattr(connection, "polled")
    rule = "a voice loop takes an open connection, such as connect(...).enter() returns"
    require(fits, rule, connection, error=ConfigError)
    if on_event is not None:
        require_function(on_event, "on_event", takes=("event",), error=ConfigError)
    require_function(clock, "clock", takes=(), error=ConfigError)
    fits = isinstance(unknown_tools, str) and unknown_tools in _UNKNOWN_TOOLS
    rule = f"unknown_tools must be one of {', '.join(_UNKNOWN_TOOLS)}"
    require(fits, rule, unknown_tools, error=ConfigError)
    require_flag(push_to_talk, "push_to_talk", error=ConfigError)
    require_flag(half_duplex, "half_duplex", error=ConfigError)
    for name, helper, example in (("vad", vad, "Vad()"), ("echo", echo, "EchoGate()")):
        fits = not isinstance(helper, type) and callable(getattr(helper, "process", None))
        rule = f"{name} must be an object with process(), such as {example}, or None"
        require(helper is None or fits, rule, helper, error=ConfigError)
