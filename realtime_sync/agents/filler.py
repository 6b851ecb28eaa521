"""Spoken fillers: what is said when a tool is slow, so that nobody listens to silence. Pure.

The model says it in a response of its own beside the conversation (out-of-band), which has no input
and no tools: it is in nobody's history, and the answer need not wait for its end. Where a server
has nothing of the kind, a recording is played, if there is one.

Source: the provider's guide to realtime conversations, "create responses outside the default
conversation".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

from attrs import frozen

from .._shown import shown
from ..conversation.session import SoundFormat
from ..errors import UserError
from ..events import (
    ErrorEvent,
    InputAudioBufferSpeechStarted,
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
)
from ..events.base import as_came
from ..events.wire_values import as_id, as_object
from ..voice.asks import Saying
from ..voice.conversion import InputConverter
from ..voice.effects import CancelResponse, CreateAside, Effect, Flush, Play, Report
from ..voice.rules import VoiceState
from ..voice.seams import Take
from .model_events import RealtimeModelFillerEvent

__all__ = ["Filler", "FillerSettings", "FillerTrack", "filler_of"]

_AFTER_MS = 700
_CLIP_HZ = 24_000
_KEY = "realtime_sync_filler"  # of the metadata by which its response is known


@frozen
class FillerSettings:
    """What is said for a slow tool.

    Attributes:
        words: what the model says; None for the clip alone.
        clip: PCM16 mono at 24 kHz, where the model can't; None for nothing.
        after_s: how long it is silent before.
    """

    words: str | None
    clip: bytes | None
    after_s: float


def filler_of(config: Mapping[str, Any]) -> FillerSettings | None:
    """Return what a run config says of fillers; None where there are none.

    Raises:
        UserError: it says something that can't be meant.
    """
    words, clip = config.get("filler"), config.get("filler_clip")
    after_ms = config.get("filler_after_ms", _AFTER_MS)
    if words is not None and (not isinstance(words, str) or not words.strip()):
        raise UserError(f"filler={shown(words)} is nothing to say; give the words, or None")
    if clip is not None and (not isinstance(clip, bytes) or not clip or len(clip) % 2):
        raise UserError("filler_clip is no recording; give PCM16 mono at 24 kHz as bytes, or None")
    if isinstance(after_ms, bool) or not isinstance(after_ms, int) or after_ms < 0:
        raise UserError(
            f"filler_after_ms={shown(after_ms)} is no time; give milliseconds, 0 or more"
        )
    if words is None and clip is None:
        return None
    return FillerSettings(words, clip, after_ms / 1000)


class FillerTrack(Protocol):
    """What fillers are heard on; see `FillerOutput`."""

    @property
    def sounds(self) -> bool:
        """Whether a filler has begun that is not heard to its end."""

    @property
    def due_at(self) -> float | None:
        """When `look` is to be called at the latest."""

    def expect(self, response_id: str) -> None:
        """Take that the sound of a response, or of a clip where it is "", is a filler."""

    def complete(self) -> None:
        """Take that no more of the filler comes."""

    def look(self) -> bool:
        """Let what waits begin when its time has come; return whether that has cut the filler."""

    def play(self, play: Play) -> bool:
        """Play a piece of the clip."""

    def flush(self, end: Flush) -> bool:
        """Take that the clip is complete."""


class Filler:
    """Decides when something is said for slow tools, and when that is over.

    Once for the calls of a response: they still run, and for ``after_s`` nothing has played, no
    answer was under way or owed, and the user was silent. It is withdrawn when the outputs are in
    before its first sound, and falls silent when the user speaks.

    Args:
        settings: what is said.
        voice: the rules of the conversation.
        running: returns the calls that run.
        refused_by: returns the requests that an error refuses.
        track: what it is heard on.
        sound_format: of the audio that comes, at this moment.
        is_silent: whether all was heard that was to be heard.
        can_ask: whether the server knows responses beside the conversation, and tells them apart.
        yields: whether the user's voice interrupts it.
        clock: seconds, monotonic.

    Attributes:
        handlers: see `FurtherRules.handlers`.

    Threads: one at a time: the engine's.
    """

    busy = False  # what runs for it keeps nobody waiting

    def __init__(
        self,
        settings: FillerSettings,
        voice: VoiceState,
        running: Callable[[], Collection[str]],
        *,
        refused_by: Callable[[ErrorEvent], Collection[str]],
        track: FillerTrack,
        sound_format: Callable[[], SoundFormat],
        is_silent: Callable[[], bool],
        can_ask: bool,
        yields: bool,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._voice = voice
        self._running = running
        self._refused_by = refused_by
        self._track = track
        self._format = sound_format
        self._is_silent = is_silent
        self._can_ask = can_ask and settings.words is not None
        self._yields = yields
        self._clock = clock
        self._quiet_since: float | None = None  # only tools go on
        self._told = False  # in this round of calls it was said
        self._fillers = 0
        self._request: str | None = None  # of which nothing was created yet
        self._unwanted = False  # it is to be cancelled as soon as it begins
        self._response_id: str | None = None  # it runs
        self._cuts = voice.cuts
        self.handlers: dict[type, Take] = {
            ErrorEvent: self._error,
            InputAudioBufferSpeechStarted: self._user_spoke,
            Reconnected: self._reconnected,
            ResponseCreated: self._response_created,
            ResponseDone: self._response_done,
            ResponseOutputAudioDelta: self._sound_came,
        }

    # -- what happens ------------------------------------------------------------------------------

    @property
    def due_at(self) -> float | None:
        """See `FurtherRules.due_at`."""
        if self._quiet_since is None or self._told:
            return self._track.due_at
        return self._quiet_since + self._settings.after_s

    def begin(self) -> list[Effect]:
        """Nothing is said at the beginning."""
        return []

    def _sound_came(self, event: ResponseOutputAudioDelta) -> list[Effect]:
        if not self._runs(as_id(event.response_id)) or self._track.sounds:
            return []
        return self._withdraw()

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        if self._runs(as_id(as_object(as_came(event, "response")).get("id"))):
            self._end()
        return []

    def _user_spoke(self, _: InputAudioBufferSpeechStarted) -> list[Effect]:
        return self._interrupt() if self._yields and not self._voice.answering else []

    def _reconnected(self, _: Reconnected) -> list[Effect]:
        self._request = None
        self._end()
        return []

    def tick(self) -> list[Effect]:
        """Take that time has passed."""
        effects: list[Effect] = []
        if self._cuts != self._voice.cuts:  # the rules of the conversation have silenced the sink
            self._cuts = self._voice.cuts
            effects += self._withdraw()
        if self._track.look():
            effects += self._withdraw()
        if not self._running():
            self._quiet_since, self._told = None, False
            return [*effects, *([] if self._track.sounds else self._withdraw())]
        return [*effects, *self._look_at_silence()]

    def _look_at_silence(self) -> list[Effect]:
        if self._told or self._voice.talking or not self._is_silent():
            self._quiet_since = None
            return []
        now = self._clock()
        if self._quiet_since is None:
            self._quiet_since = now
        if now - self._quiet_since < self._settings.after_s or self._is_under_way:
            return []
        self._told = True
        return self._ask() if self._can_ask else self._play_clip()

    # -- saying it ---------------------------------------------------------------------------------

    @property
    def _is_under_way(self) -> bool:
        return self._request is not None or self._response_id is not None

    def _runs(self, response_id: str | None) -> bool:
        return response_id is not None and response_id == self._response_id

    def _ask(self) -> list[Effect]:
        self._fillers += 1
        self._request = f"agents_filler_{self._fillers}"
        self._unwanted = False
        said = Saying.word_for_word(self._settings.words or "", is_protected=False)
        response = {
            "conversation": "none",
            "input": [],
            "tools": [],
            "metadata": {_KEY: self._request},
            **said.params,
        }
        return [CreateAside(self._request, response)]

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        response = as_object(as_came(event, "response"))
        asked = as_object(response.get("metadata")).get(_KEY)
        if self._request is None or asked != self._request:
            return []
        self._request = None
        self._response_id = response_id = as_id(response.get("id")) or ""
        self._track.expect(response_id)
        if self._unwanted or not self._running():
            return self._withdraw()
        return [Report(self._report(response_id))]

    def _error(self, event: ErrorEvent) -> list[Effect]:
        if self._request not in self._refused_by(event):
            return []
        self._request = None
        self._can_ask = False
        return [] if self._unwanted else self._play_clip()

    def _play_clip(self) -> list[Effect]:
        if self._settings.clip is None:
            return []
        self._fillers += 1
        part = (f"filler_clip_{self._fillers}", 0)
        converter = InputConverter(_CLIP_HZ)
        audio = converter.convert(self._settings.clip, self._format()) + converter.finish()
        self._track.expect("")
        self._track.play(Play(audio, part, ""))
        self._track.flush(Flush(part, ""))
        self._track.complete()
        return [Report(self._report(None))]

    def _report(self, response_id: str | None) -> RealtimeModelFillerEvent:
        return RealtimeModelFillerEvent(sorted(self._running()), response_id)

    # -- its end -----------------------------------------------------------------------------------

    def _end(self) -> None:
        if self._response_id is not None:
            self._track.complete()
        self._response_id = None

    def _withdraw(self) -> list[Effect]:
        """Have no more of it come; what was played before is heard."""
        self._unwanted = self._request is not None
        response_id = self._response_id
        if response_id is None:
            return []
        self._end()
        return [*self._voice.forbid(response_id, is_handed=False), CancelResponse(response_id)]

    def _interrupt(self) -> list[Effect]:
        silence = self._voice.fall_silent() if self._track.sounds else []
        return [*silence, *self._withdraw()]
