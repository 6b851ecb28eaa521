"""What the server was told of the session, and what is still to be sent when it changes. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .._types import JsonDict
from .session_settings import changed_fields, is_reported, merged_fields

__all__ = ["SentSession"]

log = logging.getLogger(__name__)


class SentSession:
    """Follows the updates of one session.

    A session that has spoken keeps its voice: the server refuses a whole update for another one
    (``cannot_update_voice``), so that the new agent would have neither its instructions nor its
    tools. The voice waits for the next session instead, which a new link begins.

    Args:
        sent: the session as it was sent first, see `session_payload`.
        has_spoken: whether audio of the model's has come over this link.

    Threads: one at a time.
    """

    def __init__(self, sent: JsonDict, has_spoken: Callable[[], bool]) -> None:
        self._sent = self._wanted = sent
        self._unreported = sent  # what a link that is lost may have taken along
        self._has_spoken = has_spoken

    def reported(self, session: JsonDict) -> None:
        """Take the session as the server reports it."""
        if is_reported(self._unreported, session):
            self._unreported = {}

    def link_made_anew(self) -> JsonDict:
        """Take that the session is a new one, as the old was reported; return what it lacks."""
        self._replace(self._wanted)
        return self._unreported

    def changed(self, fields: JsonDict) -> JsonDict:
        """Return the body of the update that changes some fields; ``{}`` for none.

        Args:
            fields: of a session, in GA's form.
        """
        return self.replaced(merged_fields(self._wanted, fields))

    def replaced(self, session: JsonDict) -> JsonDict:
        """Return the body of the update after which the session is another; ``{}`` for none.

        Args:
            session: what it is to be, see `session_payload`.
        """
        self._wanted = session
        return self._replace(self._with_voice_kept(session) if self._has_spoken() else session)

    def _replace(self, session: JsonDict) -> JsonDict:
        update = changed_fields(self._sent, session)
        self._sent = session
        if update:
            self._unreported = merged_fields(self._unreported, update)
        return update

    def _with_voice_kept(self, session: JsonDict) -> JsonDict:
        before, after = _voice_of(self._sent), _voice_of(session)
        if before == after:
            return session
        log.info("the session has spoken and keeps its voice %r instead of %r", before, after)
        spoken = {name: value for name, value in _spoken(session).items() if name != "voice"}
        if before is not None:
            spoken["voice"] = before
        return {**session, "audio": {**session.get("audio", {}), "output": spoken}}


def _spoken(session: JsonDict) -> JsonDict:
    output: JsonDict = session.get("audio", {}).get("output", {})
    return output


def _voice_of(session: JsonDict) -> object:
    return _spoken(session).get("voice")
