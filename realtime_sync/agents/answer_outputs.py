"""Outputs around the one that answers are heard on: who tells of it, and who holds it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .._deadline import Deadline
from ..conversation.session import SoundFormat
from ..errors import ModelBehaviorError
from ..voice.effects import Flush, Part, Play
from ..voice.output import Output
from .hold_back import Dropped, HoldBack, Outgoing, SoundEnd, UncheckedSound
from .notes import AudioNote, AudioOver, Fault
from .output_checks import OutputCheck

__all__ = ["HeldOutput", "OutputWrapper", "TellingOutput"]


class OutputWrapper:
    """An output around another one: everything is passed on, but for what a subclass overrides.

    Args:
        output: the one inside.
    """

    def __init__(self, output: Output) -> None:
        self._output = output

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
        self._report = report
        self._format = sound_format

    @property
    def idle(self) -> bool:
        """See `Output.idle`: what is held is to be heard, too."""
        return not self._hold.held_ms and super().idle

    def play(self, play: Play) -> bool:
        """See `Output.play`."""
        if self._is_out_of_band(play.response_id):
            return super().play(play)
        return self._do(self._hold.audio(play, self._format()))

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

    def passed(self, check: OutputCheck) -> None:
        """Hand on what words have passed for."""
        self._do(self._hold.passed(check))

    def response_over(self, response_id: str) -> None:
        """Take that no more comes of a response."""
        self._do(self._hold.response_over(response_id))

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
        return any(isinstance(each, Dropped) and each.released_ms for each in out)

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
