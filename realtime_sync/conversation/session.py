"""What the session says: as reported, and as asked for by updates that are still under way.

It reads the nested sessions of GA and the flat ones of the beta alike. What a server leaves out
stays as it was known, and a value of an unexpected type says nothing.

Source: the provider's reference of sessions. ``session.update`` changes the fields that are
present; each one is answered in order, by ``session.updated`` or by an ``error``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from typing import Any

from attrs import Factory, field, frozen

from .._types import UNSET, JsonDict
from ..events import SessionCreated, SessionUpdated, parse_event
from ..events.base import as_came, plain
from ..events.session_shape import audio_settings, nested_format
from ..events.wire_values import as_number, as_object, as_text

__all__ = ["SessionFacts", "SessionState", "SoundFormat", "TurnRules", "read_session"]

_PCM = "audio/pcm"
_PCM_HZ = 24_000  # what the protocol means where it names no rate
_G711_HZ = 8_000
_RATES = {_PCM: _PCM_HZ, "audio/pcmu": _G711_HZ, "audio/pcma": _G711_HZ}
_UNASKED_HZ = {"input": _PCM_HZ, "output": _PCM_HZ}
_LOWEST_HZ, _HIGHEST_HZ = 1_000, 1_000_000  # what is beyond can't be meant

# So many updates may be without an answer. A server that never answers any must not cost memory.
_MOST_UPDATES = 16


@frozen
class SoundFormat:
    """The encoding of sound in one direction.

    Attributes:
        type: ``audio/pcm`` (int16 mono, little-endian), ``audio/pcmu``, ``audio/pcma``, or a
            name of the server's own.
        rate: samples per second; None while the session has not said.
        is_pcm: whether bytes are PCM16, which comes in whole samples of two; else it is G.711.
        hz: samples per second: `rate`, or what the protocol means where none is named.
        bytes_per_s: how many bytes a second takes.
    """

    type: str = _PCM
    rate: int | None = None
    # Values and not properties, because they are asked for with each chunk of sound.
    is_pcm: bool = field(init=False, default=Factory(lambda self: self.type == _PCM, True))
    hz: int = field(
        init=False,
        default=Factory(lambda self: self.rate or (_PCM_HZ if self.is_pcm else _G711_HZ), True),
    )
    bytes_per_s: int = field(
        init=False, default=Factory(lambda self: (2 if self.is_pcm else 1) * self.hz, True)
    )


@frozen
class TurnRules:
    """Who finds the turns of the user, and what the server does about them by itself.

    Attributes:
        manual: the session says that the program ends each turn.
        detected: the session says that the server finds the turns. With neither it has not said;
            the protocol's default is then to be expected, which is detection.
        kind: the detector's name, such as ``server_vad``, where it has one.
        answers: the server makes a response when the user has spoken.
        interrupts: the server cancels a response when the user begins to speak.
    """

    manual: bool = False
    detected: bool = False
    kind: str | None = None
    answers: bool = True
    interrupts: bool = True


_MANUAL = TurnRules(manual=True, answers=False, interrupts=False)


@frozen
class SessionFacts:
    """What is known of a session.

    Attributes:
        type: ``realtime`` or ``transcription``.
        input: of what the user says.
        output: of what the model says.
        turns: who finds the turns of the user.
    """

    type: str = "realtime"
    input: SoundFormat = SoundFormat()
    output: SoundFormat = SoundFormat()
    turns: TurnRules = TurnRules()

    @property
    def answers(self) -> bool:
        """Whether the server makes a response when the user has spoken."""
        return self.turns.answers and self.type != "transcription"


_NOTHING = SessionFacts()

# What almost every session says. Connections share these instead of having one each, with texts
# of its own: 600 bytes.
_USUAL_FORMATS: dict[tuple[str, int | None], SoundFormat] = {
    (kind, rate): SoundFormat(kind, rate) for kind, rate in _RATES.items()
}
_USUAL_RULES: dict[tuple[str | None, bool, bool], TurnRules] = {
    (kind, answers, interrupts): TurnRules(False, True, kind, answers, interrupts)
    for kind in ("server_vad", "semantic_vad")
    for answers in (True, False)
    for interrupts in (True, False)
}


def read_session(
    session: JsonDict,
    before: SessionFacts = _NOTHING,
    unasked_hz: Mapping[str, int] = _UNASKED_HZ,
) -> SessionFacts:
    """Return what is known after ``session``, reported or asked for; it never raises.

    Args:
        session: in wire form, GA or flat.
        before: what was known before, and stays where ``session`` says nothing.
        unasked_hz: by direction, what the server means by PCM that has no rate.
    """
    heard, spoken = audio_settings(session, "input"), audio_settings(session, "output")
    kind = session.get("type")
    return SessionFacts(
        kind if isinstance(kind, str) and kind != before.type else before.type,
        _read_format(heard, before.input, unasked_hz["input"]),
        _read_format(spoken, before.output, unasked_hz["output"]),
        _read_turns(heard.get("turn_detection", UNSET), before.turns),
    )


def _read_format(settings: JsonDict, before: SoundFormat, pcm_hz: int) -> SoundFormat:
    value = settings.get("format")
    if isinstance(value, str):  # which names no rate
        value = {"type": nested_format(value)["type"]}
    if not isinstance(value, dict):
        return before
    kind, rate = value.get("type"), value.get("rate")
    if not isinstance(kind, str):
        kind = _PCM
    if isinstance(rate, int | float) and _LOWEST_HZ <= rate <= _HIGHEST_HZ:
        rate = int(rate)
    else:
        rate = pcm_hz if kind == _PCM else _RATES.get(kind)
    return _USUAL_FORMATS.get((kind, rate)) or SoundFormat(kind, rate)


def _read_turns(value: Any, before: TurnRules) -> TurnRules:
    if value is None:
        return _MANUAL
    if isinstance(value, str):  # some servers only name the detector
        value = {"type": value}
    if not isinstance(value, dict):
        return before
    kind = as_text(value.get("type"))
    if kind == "none":  # another way to say null
        return _MANUAL
    # Left out, they stay while the detector does; a new one begins with the protocol's defaults.
    kept = before if kind in (None, before.kind) and not before.manual else TurnRules()
    kind = kind or kept.kind
    answers, interrupts = value.get("create_response"), value.get("interrupt_response")
    answers = answers if isinstance(answers, bool) else kept.answers
    interrupts = interrupts if isinstance(interrupts, bool) else kept.interrupts
    usual = _USUAL_RULES.get((kind, answers, interrupts))
    return usual or TurnRules(False, True, kind, answers, interrupts)


@frozen(eq=False)
class _Update:
    """A ``session.update`` without an answer."""

    event_id: str
    session: JsonDict


class SessionState:
    """Follows the session of one connection, over all of its links.

    Args:
        unasked_hz: see `read_session`.

    Attributes:
        facts: what is known of the effective session; replaced as a whole.
        expires_at: when the session of this link ends, in seconds since 1970; None where the
            server did not tell.
        sent_ids: the ``event_id`` of each of the latest updates; replaced as a whole.

    Threads: `reported` and `restored` belong to whoever reads the link, all else may be called
        from any thread. There is no lock: the list of updates is only changed by operations that
        are one step of the interpreter, and `facts` is worked out from it again and again until
        it is up to date.
    """

    __slots__ = (
        "_report", "_reported", "_tools", "_unasked_hz", "_updates", "expires_at", "facts",
        "sent_ids",
    )  # fmt: skip

    def __init__(self, *, unasked_hz: Mapping[str, int] | None = None) -> None:
        self._unasked_hz = unasked_hz or _UNASKED_HZ
        self.facts = _NOTHING
        self.expires_at: float | None = None
        self.sent_ids: tuple[str, ...] = ()
        self._reported = _NOTHING  # without what is under way
        # The event that reported the session, as text: decoded, a session with a few tools takes
        # five times as much, 22 kB for each connection.
        self._report = ""
        self._tools: Any = None  # of the latest update that had some and was taken
        self._updates: list[_Update] = []  # under way, in order

    def sent(self, event: JsonDict) -> None:
        """Take note of a ``session.update`` that is about to be sent.

        Raises:
            LocalProtocolError: it is nested too deeply.
        """
        event_id = as_text(event.get("event_id")) or ""
        # As it is now, without models: its owner may change it later.
        self._updates.append(_Update(event_id, as_object(plain(event.get("session")))))
        self.sent_ids = (*self.sent_ids[1 - _MOST_UPDATES :], event_id)
        del self._updates[:-_MOST_UPDATES]
        self._settle()

    def undo(self, event_id: str) -> None:
        """Take note that an update was refused or not sent; others are left alone."""
        for update in tuple(self._updates):
            if update.event_id == event_id:
                self._drop(update)
                self._settle()
                return

    def link_lost(self, event_ids: Container[str]) -> None:
        """Take note that these updates will have no answer, since their link is gone."""
        for update in tuple(self._updates):
            if update.event_id in event_ids:
                self._drop(update)
        self._settle()

    @property
    def under_way(self) -> tuple[str, ...]:
        """The ``event_id`` of each update without an answer, in order."""
        return tuple([update.event_id for update in tuple(self._updates)])

    def reported(self, event: SessionCreated | SessionUpdated) -> None:
        """Take what the server says of the session, and as the answer to the oldest update."""
        if isinstance(event, SessionCreated):
            self._take(event, _NOTHING)
        else:
            before = self._reported
            answered = self._updates[:1]
            for update in answered:
                # A server may leave out of its report what it has taken.
                before = self._read(update.session, before)
                self._tools = update.session.get("tools", self._tools)
            self._take(event, before)
            for update in answered:
                self._drop(update)
        self._settle()

    def restored(self, event: SessionCreated | SessionUpdated) -> None:
        """Take what a new link says while the session is restored: no answer to any update."""
        self._take(event, _NOTHING if isinstance(event, SessionCreated) else self._reported)
        self._settle()

    def _take(self, event: SessionCreated | SessionUpdated, before: SessionFacts) -> None:
        session = as_came(event, "session")
        if isinstance(event, SessionCreated):
            self.expires_at = as_number(as_object(session).get("expires_at"))
        if isinstance(session, dict):
            self._report = event.raw or event.to_json()
            before = self._read(session, before)
        self._reported = before

    def _read(self, session: JsonDict, before: SessionFacts) -> SessionFacts:
        return read_session(session, before, self._unasked_hz)

    def _drop(self, update: _Update) -> None:
        with suppress(ValueError):  # another thread has done it
            self._updates.remove(update)

    def _settle(self) -> None:
        """Work out the facts; if another thread changes something meanwhile, once more."""
        settled = False
        while not settled:
            reported, updates = self._reported, tuple(self._updates)
            facts = reported
            for update in updates:
                facts = self._read(update.session, facts)
            self.facts = facts
            settled = reported is self._reported and updates == tuple(self._updates)

    # -- what is rarely asked for, and therefore decoded anew ------------------------------------

    @property
    def restorable(self) -> JsonDict:
        """The configuration as last reported, with the tools as they were given.

        A server does not report the credentials that tools were given with. Updates that are
        under way are left out, since the server may refuse them. ``{}`` when nothing was reported.
        """
        session = self._last_report()
        reported = session.get("tools")
        if self._tools is None or not reported or _names(self._tools) != _names(reported):
            return session  # given, but changed since
        return {**session, "tools": self._tools}

    @property
    def tools(self) -> list[JsonDict]:
        """The tools of the effective session; as they were given, where that is known."""
        tools = self._latest(lambda session: session.get("tools", UNSET))
        return [tool for tool in _listed(tools) if isinstance(tool, dict)]

    @property
    def server_tools(self) -> list[str]:
        """The names of the tools that the server runs itself: of MCP servers their labels."""
        names = []
        for tool in self.tools:
            told = [as_text(tool.get(name)) for name in ("server_label", "name", "type")]
            if not _is_function(tool):
                names.append(next(filter(None, told), ""))
        return names

    @property
    def instructions(self) -> str:
        """What the model is told; ``""`` for nothing."""
        return as_text(self._latest(lambda session: session.get("instructions", UNSET))) or ""

    @property
    def voice(self) -> str | None:
        """The name, or the id, of the model's voice; None where it was not told."""
        voice = self._latest(lambda session: audio_settings(session, "output").get("voice", UNSET))
        return as_text(voice) or as_text(as_object(voice).get("id"))

    @property
    def turn_detection(self) -> JsonDict | None:
        """How the server finds the turns of the user, as last reported; None when it does not."""
        told = audio_settings(self._last_report(), "input").get("turn_detection")
        return {"type": told} if isinstance(told, str) else as_object(told) or None

    @property
    def transcription(self) -> JsonDict | None:
        """How the user's speech is written down; None when it is not."""
        found = self._latest(
            lambda session: audio_settings(session, "input").get("transcription", UNSET)
        )
        return found if isinstance(found, dict) else None

    def _latest(self, find: Callable[[JsonDict], Any]) -> Any:
        """Return what ``find`` finds in the latest update that has it, or else in the report."""
        for update in reversed(tuple(self._updates)):
            if (found := find(update.session)) is not UNSET:
                return found
        return find(self.restorable)

    def _last_report(self) -> JsonDict:
        return as_object(as_came(parse_event(self._report), "session")) if self._report else {}


def _is_function(tool: JsonDict) -> bool:
    return bool(tool.get("type", "function") == "function")


def _names(tools: Any) -> list[tuple[Any, Any, Any]]:
    """Return what tells one list of tools from another."""
    objects = map(as_object, _listed(tools))
    return [(tool.get("type"), tool.get("name"), tool.get("server_label")) for tool in objects]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
