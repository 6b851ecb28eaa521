"""What a visitor is told when something has gone wrong: a sentence, and what to do next."""

from __future__ import annotations

from realtime_sync import (
    AuthenticationError,
    ConfigError,
    ConnectError,
    ConnectionClosed,
    PermissionDeniedError,
    RateLimitError,
    RealtimeError,
    RealtimeTimeout,
)


class NothingHeardError(RealtimeError):
    """There are no words in the recording."""


_TRY_AGAIN = "Please try again."
_OPERATOR = "Only the operator of this desk can mend that."
# The first that fits. The words of the provider are for the log: they may speak of its account.
_SENTENCES: tuple[tuple[type[RealtimeError], str], ...] = (
    (NothingHeardError, "No speech was recognised. Speak closer to the microphone, and try again."),
    (AuthenticationError, f"The voice provider does not accept this desk's key. {_OPERATOR}"),
    (PermissionDeniedError, f"The voice provider does not let this desk in. {_OPERATOR}"),
    (RateLimitError, "The voice provider is busy. Please try again in a minute."),
    (ConnectError, "The voice provider can't be reached. Please try again in a minute."),
    (RealtimeTimeout, f"No answer came in time. {_TRY_AGAIN}"),
    (ConnectionClosed, f"The connection to the voice provider broke. {_TRY_AGAIN}"),
    (ConfigError, f"This desk is not set up properly. {_OPERATOR}"),
    (RealtimeError, f"The voice provider could not answer that. {_TRY_AGAIN}"),
)


def sentence(error: RealtimeError) -> str:
    """Return what a visitor is told of ``error``."""
    return next(words for kind, words in _SENTENCES if isinstance(error, kind))
