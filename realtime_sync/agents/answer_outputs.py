"""Outputs around the one that answers are heard on: who tells of it, and who holds it back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from attrs import evolve

from .._deadline import Deadline
from .._latest import keep_latest
from ..conversation.session import SoundFormat
from ..errors import ModelBehaviorError
from ..voice.effects import Flush, Part, Play
from ..voice.output import Output
from .hold_back import Dropped, HoldBack, Outgoing, SoundEnd, UncheckedSound
from .notes import AudioNote, AudioOver, Fault
from .output_checks import MOST_PARTS, OutputCheck

__all__ = ["HeldOutput", "OutputWrapper", "TellingOutput"]

_LATEST = 4 * MOST_PARTS
_LAST_CHECKS_S = 5.0
_LOOK_AGAIN_S = 0.02


class OutputWrapper:
    """An output around another one: everything is passed on, but for what a subclass overrides.

    Args:
        output: the one inside.
    """

    def __init__(self, output: Output) -> None:
        self._output = output

    @property
    def calls_program(self) -> bool:
        """See `Output.calls_program`."""
        return self._output.calls_program

    @property
    def failure(self) -> BaseException | None:
        """See `Output.failure`."""
        return self._output.failure

    @property
    def dropped_ms(self) -> int:
        """See `Output.dropped_ms`."""
        return self._output.dropped_ms

    @property
    def underruns(self) -> int:
        """See `Output.underruns`."""
        return self._output.underruns

    @property
    def gone(self) -> bool:
        """See `Output.gone`."""
        return self._output.gone

    @property
    def idle(self) -> bool:
        """See `Output.idle`."""
        return self._output.idle

    def start(self) -> None:
        """See `Output.start`."""
        self._output.start()

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        return self._output.play(play)

    def flush(self, end: Flush) -> bool:
        """See `Output.flush`."""
        return self._output.flush(end)

    def skip(self) -> None:
        """See `Output.skip`."""
        self._output.skip()

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """See `Output.silence`."""
        return self._output.silence(parts)

    def pause(self) -> bool:
        """See `Output.pause`."""
        return self._output.pause()

    def resume(self) -> None:
        """See `Output.resume`."""
        self._output.resume()

    def handed_ms(self, part: Part) -> int:
        """See `Output.handed_ms`."""
        return self._output.handed_ms(part)

    def played_ms(self, part: Part) -> int:
        """See `Output.played_ms`."""
        return self._output.played_ms(part)

    def drain(self, timeout: float) -> bool:
        """See `Output.drain`."""
        return self._output.drain(timeout)

    def close(self, deadline: Deadline) -> None:
        """See `Output.close`."""
        self._output.close(deadline)


class TellingOutput(OutputWrapper):
    """Tells the program of what is played, so that it can show or keep it.

    Args:
        output: plays.
        report: tells the program; called in the engine's thread.
        sound_format: of the audio that comes, at this moment.
    """

    def __init__(
        self,
        output: Output,
        report: Callable[[object], None],
        *,
        sound_format: Callable[[], SoundFormat],
    ) -> None:
        super().__init__(output)
        self._report = report
        self._format = sound_format

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        duration_s = len(play.audio) / self._format().bytes_per_s
        self._report(AudioNote(play.part, play.response_id, play.audio, duration_s))
        return super().play(play)

    def flush(self, end: Flush) -> bool:
        """See `Output.flush`."""
        self._report(AudioOver(end.part))
        return super().flush(end)


class HeldOutput(OutputWrapper):
    """Hands on no more of an answer than its words have passed their checks.

    Words that the server calls complete may be so only because the response was cancelled, with
    sound that goes further. So the final check of an item counts as such when the item is complete,
    or its response.

    Args:
        output: plays.
        hold: says how much may go out.
        report: tells the program; called in the engine's thread.
        sound_format: of the audio that comes, at this moment.
        is_out_of_band: whether a response, by its id, is none of the conversation's, so that
            nobody checks its words.
    """

    def __init__(
        self,
        output: Output,
        hold: HoldBack,
        report: Callable[[object], None],
        *,
        sound_format: Callable[[], SoundFormat],
        is_out_of_band: Callable[[str], bool] = lambda _: False,
    ) -> None:
        super().__init__(output)
        self._is_out_of_band = is_out_of_band
        self._hold = hold
        self._refused_ms = 0
        self._drain_until: Deadline | None = None
        self._complete: dict[str, None] = {}  # items and responses
        self._finals: dict[Part, OutputCheck] = {}  # passed, of items that may not be complete
        self._report = report
        self._format = sound_format

    @property
    def dropped_ms(self) -> int:
        """See `Output.dropped_ms`: what could not be held counts, too."""
        return self._refused_ms + super().dropped_ms

    @property
    def idle(self) -> bool:
        """See `Output.idle`: what is held is to be heard, too."""
        return not self._hold.held_ms and super().idle

    def drain(self, timeout: float) -> bool:
        """See `Output.drain`: the last checks have their time, too, and the caller takes them."""
        if self._drain_until is None:
            self._drain_until = Deadline(_LAST_CHECKS_S)
            self._end_parts(self._hold.ended())
        if self._hold.held_ms and not self._drain_until.expired:
            time.sleep(min(timeout, _LOOK_AGAIN_S))
            return False
        return super().drain(timeout)

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        if self._hold.lets_through(play.response_id) and play.audio:
            return self._output.play(play)
        if self._is_out_of_band(play.response_id):
            return super().play(play)
        out = self._hold.audio(play, self._format())
        refused_ms = sum(each.ms for each in out if type(each) is Dropped)
        self._refused_ms += refused_ms
        return self._do(out) and not refused_ms

    def flush(self, end: Flush) -> bool:
        """See `Output.flush`."""
        if self._is_out_of_band(end.response_id):
            return super().flush(end)
        return self._do(self._hold.flush(end.response_id, end.part))

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """See `Output.silence`."""
        self._hold.clear()
        return super().silence(parts)

    def words(self, response_id: str, part: Part, text: str, *, whole: bool = False) -> None:
        """Take words of a part, before their check."""
        self._hold.words(response_id, part, text, whole=whole)

    def set_speed(self, speed: float) -> None:
        """Take the speed of the voice, for the answers that begin from now on."""
        self._hold.speed = speed

    def passed(self, check: OutputCheck) -> None:
        """Hand on what words have passed for."""
        if check.final and self._complete.keys().isdisjoint((check.part[0], check.response_id)):
            self._finals[check.part] = check
            keep_latest(self._finals, _LATEST)
            check = evolve(check, final=False)
        self._do(self._hold.passed(check))

    def item_over(self, item_id: str) -> None:
        """Take that the words and the sound of an item are complete."""
        self._is_complete(item_id)

    def response_over(self, response_id: str) -> None:
        """Take that a response has come to its end."""
        self._is_complete(response_id)
        self._do(self._hold.response_over(response_id))

    def cut_off(self, response_id: str) -> None:
        """Take that a response has no end: what is held of it is dropped."""
        self._end_parts(self._hold.trip(response_id))

    def _is_complete(self, name: str) -> None:
        self._complete[name] = None
        keep_latest(self._complete, _LATEST)
        passed = [c for c in self._finals.values() if name in (c.part[0], c.response_id)]
        for check in passed:
            del self._finals[check.part]
            self._do(self._hold.passed(check))

    def _end_parts(self, out: list[Outgoing]) -> None:
        """Do what is to be done, and end the parts that were cut off after their beginning."""
        for each in out:
            if isinstance(each, Dropped) and each.ms and each.released_ms:
                super().flush(Flush(each.part, each.response_id))
        self._do(out)

    def hold(self, response_id: str) -> None:
        """Hand on nothing of a response until `free`."""
        self._hold.hold(response_id)

    def free(self, response_id: str) -> None:
        """End what `hold` began."""
        self._do(self._hold.free(response_id))

    def trip(self, response_id: str) -> bool:
        """Drop what is held of a response; return whether some of it went out before."""
        out = self._hold.trip(response_id)
        self._do(out)
        return self._hold.is_out(response_id) or any(
            isinstance(each, Dropped) and each.released_ms for each in out
        )

    def _do(self, out: list[Outgoing]) -> bool:
        fits = True
        for each in out:
            match each:
                case Play():
                    fits = super().play(each) and fits
                case SoundEnd(response_id, part):
                    fits = super().flush(Flush(part, response_id)) and fits
                case UncheckedSound(_, (item_id, _), ms):
                    error = ModelBehaviorError(
                        f"{ms} ms of sound of {item_id} came without words, so no guardrail could "
                        "check them; they are not played"
                    )
                    self._report(Fault(error))
        return fits
