"""The answers that are under way or may still be playing, and what an interruption leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import define, field, frozen

from .._latest import keep_latest
from ..conversation.session import SoundFormat
from .asks import Fate, Saying
from .effects import SLACK_MS, Part

__all__ = ["Answers", "Cut", "TrackedAnswer"]

# Nobody interrupts what was played long ago.
_MAX_PARTS = 64
_MAX_ANSWERS = 64


@define
class TrackedAnswer:
    """One response, as far as it was taken from the queue.

    The connection is ahead of it: what the server had begun when the user spoke is interrupted,
    and not the answer that may have come meanwhile.

    Attributes:
        out_of_band: it is none of the conversation's.
        done: nothing more comes of it.
        dropped: it was interrupted: what still comes of it is not played.
        answered: some of its audio came.
        failed: the server could not complete it.
        cut: it was interrupted before all of it was heard.
        lost: its link was lost before its end.
        saying: what somebody wants it to say; it may be protected from interruptions.
        settled: its items that were truncated or deleted.
    """

    out_of_band: bool
    done: bool = False
    dropped: bool = False
    answered: bool = False
    failed: bool = False
    cut: bool = False
    lost: bool = False
    saying: Saying | None = None
    settled: set[str] = field(factory=set)

    @property
    def protected(self) -> bool:
        """Whether the user can't interrupt it."""
        return self.saying is not None and self.saying.is_protected


@define
class _Heard:
    """An audio part that may still be playing.

    Attributes:
        is_known: the server has the item, so that it can be truncated or deleted.
    """

    response_id: str
    received_bytes: int = 0
    is_known: bool = True


@frozen
class Cut:
    """What an interruption leaves of the answers that were playing.

    Attributes:
        truncated: where to truncate each part that was heard in part.
        deleted: the items of which nothing was heard.
        only_here: how much was heard of each part that was cut and of which the server has no
            item, since its link was lost or the program has deleted it.
    """

    truncated: dict[Part, int]
    deleted: tuple[str, ...]
    only_here: dict[Part, int]


class Answers:
    """Follows the responses of one conversation, and their audio.

    Args:
        is_out_of_band: whether a response, by its id, is none of the conversation's.
        sound_format: of the audio that comes, at this moment.
        sink_rate: in Hz; audio is taken to have it where the session does not tell.

    Threads: one at a time.
    """

    def __init__(
        self,
        *,
        is_out_of_band: Callable[[str], bool],
        sound_format: Callable[[], SoundFormat],
        sink_rate: int,
    ) -> None:
        self._is_out_of_band = is_out_of_band
        self._format = sound_format
        self._sink_rate = sink_rate
        self._answers: dict[str, TrackedAnswer] = {}
        self._open: dict[str, TrackedAnswer] = {}  # those that were not seen to be done
        self._parts: dict[Part, _Heard] = {}

    def answer(self, response_id: str) -> TrackedAnswer:
        """Return what is known of a response; one without an id is over and owes nothing."""
        if not response_id:
            return TrackedAnswer(out_of_band=False, done=True, answered=True)
        answer = self._answers.get(response_id)
        if answer is None:
            answer = TrackedAnswer(self._is_out_of_band(response_id))
            self._answers[response_id] = answer
            keep_latest(self._answers, _MAX_ANSWERS)
            if not answer.out_of_band:
                self._open[response_id] = answer
                keep_latest(self._open, _MAX_ANSWERS)
        return answer

    def is_dropped(self, response_id: str) -> bool:
        """Whether the audio of a response is not wanted any more."""
        answer = self._answers.get(response_id)
        return answer is not None and answer.dropped

    @property
    def running(self) -> list[str]:
        """The responses of the conversation that have begun and are not done."""
        running = (key for key, answer in self._answers.items() if not answer.done)
        return [key for key in running if not self._answers[key].out_of_band]

    def is_running(self, response_id: str) -> bool:
        """Return whether a response of the conversation has begun and is not done."""
        answer = self._answers.get(response_id)
        return answer is not None and not answer.done and not answer.out_of_band

    @property
    def any_running(self) -> bool:
        """Whether there are any of these; asked for each event, so few answers are looked at."""
        for response_id, answer in [*self._open.items()]:
            if answer.done or response_id not in self._answers:
                del self._open[response_id]
            else:
                return True
        return False

    @property
    def only_running(self) -> str:
        """The response that an end means which names none; ``""`` where it may be several.

        That is the connection's rule, too (`Responses.done`).
        """
        running = [key for key, answer in self._answers.items() if not answer.done]
        return running[0] if len(running) == 1 and running == self.running else ""

    @property
    def awaited(self) -> list[str]:
        """Those of them that were not interrupted."""
        return [key for key in self.running if not self._answers[key].dropped]

    @property
    def parts(self) -> tuple[Part, ...]:
        """What may still be playing."""
        return tuple(self._parts)

    def sounds(self, played_ms: Callable[[Part], int]) -> bool:
        """Return whether some of what came last is not heard yet."""
        return any(self._is_unheard(part, played_ms) for part in [*self._parts][-1:])

    def are_protected(self, played_ms: Callable[[Part], int]) -> bool:
        """Return whether the user can't interrupt what runs, or is not heard to its end yet."""
        protected = [key for key, answer in self._answers.items() if answer.protected]
        if not set(protected).isdisjoint(self.awaited):
            return True
        parts = [part for part, heard in self._parts.items() if heard.response_id in protected]
        return any(self._is_unheard(part, played_ms) for part in parts[-1:])

    def responses_of(self, saying: Saying) -> list[str]:
        """Return the responses that are something to be said, the latest last."""
        return [key for key, answer in self._answers.items() if answer.saying is saying]

    def fate_of(self, saying: Saying, played_ms: Callable[[Part], int]) -> Fate:
        """Return what has become of something to be said, of which no request waits any more."""
        said = self.responses_of(saying)
        if not said or self._answers[said[-1]].failed:
            return "lost"
        answer = self._answers[said[-1]]
        if answer.dropped or answer.cut:
            return "cut"
        parts = [part for part, heard in self._parts.items() if heard.response_id == said[-1]]
        sounds = any(self._is_unheard(part, played_ms) for part in parts)
        if sounds or not answer.done:
            return "under_way"
        if answer.lost:
            return "cut"
        return "heard" if answer.answered else "unspoken"

    def received(self, part: Part, response_id: str, size: int) -> None:
        """Take that so many bytes of audio came."""
        heard = self._parts.get(part)
        if heard is None or heard.response_id != response_id:
            heard = self._parts[part] = _Heard(response_id)
            keep_latest(self._parts, _MAX_PARTS)
        heard.received_bytes += size

    def deleted(self, item_id: str) -> None:
        """Take that the server has an item no more: it is neither truncated nor deleted."""
        for part, heard in self._parts.items():
            if part[0] == item_id:
                heard.is_known = False

    def drop(self) -> list[str]:
        """Drop the responses that run; return those that were not dropped before."""
        dropped = self.awaited
        for response_id in dropped:
            self._answers[response_id].dropped = True
        return dropped

    def has_sound(self, response_id: str) -> bool:
        """Whether audio of a response has come that may still be playing."""
        return any(each.response_id == response_id for each in self._parts.values())

    def forget(self, response_id: str, is_restored: Callable[[str], bool]) -> tuple[str, ...]:
        """Take that none of a response will be heard; return its items that the server has.

        Args:
            response_id: it.
            is_restored: whether the server has got an item anew, over another link.
        """
        parts = {
            part: each for part, each in self._parts.items() if each.response_id == response_id
        }
        for part in parts:
            del self._parts[part]
        known = {part[0]: None for part, each in parts.items() if each.is_known and part[0]}
        return (*known, *{i: None for i, _ in parts if i not in known and is_restored(i)})

    def cut(self, handed_ms: Mapping[Part, int]) -> Cut:
        """Settle what may have been playing, now that the sink is silent.

        Args:
            handed_ms: how much of each part went to the device; without those that were silenced
                because they will be said again.
        """
        truncated: dict[Part, int] = {}
        only_here: dict[Part, int] = {}
        items: dict[str, int] = {}  # how much of each was heard
        for part, heard in self._parts.items():
            if not part[0]:
                continue  # nobody can say which item was cut
            received_ms = self._ms(heard.received_bytes)
            ms = min(handed_ms.get(part, 0), received_ms)
            answer = self._answers.get(heard.response_id)
            was_cut = ms + SLACK_MS < received_ms
            if answer is not None:
                answer.cut = answer.cut or was_cut
            if not heard.is_known:
                if was_cut and part in handed_ms:
                    only_here[part] = ms
                continue
            items[part[0]] = items.get(part[0], 0) + ms
            complete = answer is None or answer.done
            if ms and (ms < received_ms or not complete):
                truncated[part] = ms
            if answer is not None:
                answer.settled.add(part[0])
        self._parts.clear()
        deleted = tuple(item_id for item_id, ms in items.items() if not ms)
        return Cut(truncated, deleted, only_here)

    def end_dropped(self) -> None:
        """Take that nothing more comes of what was interrupted."""
        for answer in self._answers.values():
            answer.done = answer.done or answer.dropped

    def give_up(self, response_id: str, handed_ms: Callable[[Part], int]) -> bool:
        """Take that a response will not end, and that all that has come of it was heard.

        Args:
            response_id: of one that has begun.
            handed_ms: how much of a part went to the device.

        Returns:
            Whether anything of it was heard.
        """
        answer = self._answers[response_id]
        answer.done = answer.dropped = True
        came = [part for part, heard in self._parts.items() if heard.response_id == response_id]
        answer.settled.update(item_id for item_id, _ in came)
        return any(map(handed_ms, came))

    def link_lost(self, handed_ms: Callable[[Part], int]) -> tuple[list[TrackedAnswer], bool]:
        """Take that no more comes of any response, and that the server has new items.

        Args:
            handed_ms: how much of a part went to the device.

        Returns:
            The answers that were lost of which nothing was heard; and whether the sink has
            something of them, and of nothing else.
        """
        handed = {part: handed_ms(part) for part in self._parts}
        begun = {each.response_id for part, each in self._parts.items() if handed[part]}
        waiting = {
            each.response_id
            for part, each in self._parts.items()
            if handed[part] < self._ms(each.received_bytes)
        }
        lost = set(self.awaited) - begun
        for answer in self._answers.values():
            answer.lost = answer.lost or not answer.done
            answer.done = True
        for heard in self._parts.values():
            heard.is_known = False
        return [self._answers[key] for key in lost], bool(waiting) and waiting <= lost

    def _is_unheard(self, part: Part, played_ms: Callable[[Part], int]) -> bool:
        return played_ms(part) + SLACK_MS < self._ms(self._parts[part].received_bytes)

    def _ms(self, size: int) -> int:
        """Return how many whole milliseconds so many bytes of audio last."""
        told = self._format()
        samples = size // 2 if told.is_pcm else size
        return samples * 1000 // (told.rate or self._sink_rate)
