"""Running whole turns on the event queue: what `ask` and `stream` have in common."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence

from .._deadline import Deadline
from .._shown import shown
from .._types import JsonDict, Samples
from ..conversation.session import read_session
from ..errors import ConnectionClosed, LocalProtocolError, RealtimeTimeout
from ..events import ErrorEvent, ServerEvent
from ..events.base import plain
from ..events.json_writer import write_json
from ._audio_input import audio_base64, check_beginning
from ._timeouts import timed_out
from .link.queue import Entry, EventQueue, Interruption, Malformed
from .link.sender import Sender
from .reply import Turn, server_error
from .state import ConnectionState

__all__ = ["TurnRunner", "check_response", "user_items"]

# A refusal follows at once. So many events later it is certain that a response is the turn's own,
# also with a server that does not say so.
_DOUBTFUL_EVENTS = 16


class TurnRunner:
    """One connection's turns, one at a time, and the late events of those given up.

    Attributes:
        abandoned: the turns that were given up and of which events may still come.
        current: the turn that is running, or that a signal handler's exception has left so.

    Threads: the consumer's alone.
    """

    def __init__(self, queue: EventQueue, sender: Sender, state: ConnectionState) -> None:
        self._queue = queue
        self._sender = sender
        self._state = state
        self.abandoned: list[Turn] = []
        self.current: Turn | None = None
        self._begun = 0  # how many messages had come when the latest turn began

    def new(self) -> Turn:
        """Return a turn that the server will understand."""
        dialect = self._sender.dialect
        metadata = dialect is None or dialect.metadata
        return Turn(with_metadata=metadata, refusal_of=self._state.refusal_of)

    def run(
        self,
        turn: Turn,
        items: Sequence[JsonDict],
        response: JsonDict,
        deadline: Deadline,
    ) -> Iterator[ServerEvent]:
        """Send ``items`` and the request, then yield the turn's own events; others stay queued.

        A turn that is left before its end, by an error or by its consumer, is cancelled.
        """
        self.give_up_current()  # of a call that was struck before it could
        messages = [turn.item_create(item) for item in items]
        awaited = {*turn.requests, *self._sender.requests}
        self._queue.awaited.update(awaited)
        self._begun = self._queue.received
        doubtful: list[Entry] = []
        try:
            self._raise_earlier_refusal()
            self._wait_until_idle(deadline)
            begun = self._queue.received
            self.current = turn
            for number, message in enumerate(messages):
                self._sender.send(message, is_retold=False)
                if number == 0:
                    turn.begun_for = self._sender.held_for
            self._ask(turn, response)
            turn.begun_for = turn.begun_for if messages else turn.asked_for
            while not turn.done:
                entry = self._take_new(deadline)
                if isinstance(entry.item, Interruption):
                    self._interrupted(entry, begun, turn)
                    continue
                event = self._event_of(turn, entry)
                if event is None:
                    self._keep(entry)
                    continue
                self._queue.settle(entry)
                if turn.must_repeat:
                    self._queue.give_back(doubtful)
                    doubtful = []
                    self._wait_until_idle(deadline, begun)
                    self._pause(deadline, begun)
                    self._ask(turn, response)
                    continue
                if not turn.certain and len(doubtful) < _DOUBTFUL_EVENTS:
                    doubtful.append(entry)
                yield event
        finally:
            self._queue.awaited.difference_update(awaited)
            self._sender.take_unanswered()
            self._sender.forget(*turn.requests)
            self.give_up_current()

    def _ask(self, turn: Turn, response: JsonDict) -> None:
        turn.sound = read_session(plain(response), self._state.session.facts).output
        self._sender.send(turn.response_create(response))
        turn.asked_at, turn.asked_for = self._sender.mark, self._sender.held_for

    def _wait_until_idle(self, deadline: Deadline, begun: float = math.inf) -> None:
        """Keep what comes until no response is running."""
        while self._state.busy:
            self._leave(self._take_new(deadline), begun)

    def _pause(self, deadline: Deadline, begun: float) -> None:
        """Keep what comes for a moment, where no response is known that explains a refusal."""
        pause_s, left_s = self._state.pause_s, deadline.remaining()
        pause = Deadline(pause_s) if left_s is None or pause_s < left_s else deadline
        while self._state.pause_s and not pause.expired:
            try:
                entry = self._take_new(pause)
            except RealtimeTimeout:
                break
            self._leave(entry, begun)
        if self._state.pause_s and deadline.expired:
            raise timed_out(self._awaited_now(), deadline.timeout, self._queue, self._begun)

    def _leave(self, entry: Entry, begun: float) -> None:
        """Leave ``entry`` to others, while the turn waits for its moment."""
        if isinstance(entry.item, Interruption):
            self._interrupted(entry, begun)  # and with the link the response is gone
        else:
            self._keep(entry)

    def _interrupted(self, entry: Entry, begun: float, turn: Turn | None = None) -> None:
        """Take note that the link was lost; raise if that was after entry ``begun``."""
        assert isinstance(entry.item, Interruption)
        self._queue.settle(entry)
        self.forget(entry.item.link)
        if entry.number < begun:  # an earlier one does not concern the turn
            return
        if turn is not None:
            if entry.item.link < turn.begun_for:  # all of it is held for a later link
                return
            turn.gone = entry.item.link >= turn.asked_for  # else its request is held
        raise entry.item.error.copy()

    def forget(self, link: int) -> None:
        """Take note that a link was lost, and with it what would have been discarded."""
        self.abandoned = [turn for turn in self.abandoned if turn.asked_for > link]

    def _event_of(self, turn: Turn, entry: Entry) -> ServerEvent | None:
        """Return the event in ``entry`` if it is one of the turn's own."""
        if isinstance(entry.item, Malformed | Interruption):
            return None
        early = entry.number < turn.asked_at
        try:
            return entry.item if turn.receive(entry.item, early=early) else None
        except BaseException:  # a refusal: it is told by the exception
            self._queue.settle(entry)
            raise

    def discards(self, entry: Entry) -> bool:
        """Whether ``entry`` still comes of a turn that was given up, so that nobody wants it."""
        if isinstance(entry.item, Malformed | Interruption):
            return False
        for turn in self.abandoned:
            if turn.discard(entry.item, early=entry.number < turn.asked_at):
                if turn.done:
                    self.abandoned.remove(turn)
                return True
        return False

    def give_up_current(self) -> None:
        """Cancel the turn that was running, unless it is done; repeating this changes nothing."""
        turn = self.current
        if turn is None:
            return
        if turn.done:  # also where the server has not said that its response is the answer
            self._state.forget(turn.request_id)
        over = turn.done or turn.gone or not turn.requested
        if not over and not self._sender.withdraw(turn.request_id):
            if turn not in self.abandoned:
                self.abandoned.append(turn)
            with contextlib.suppress(ConnectionClosed):
                self._sender.post(turn.cancel())
        self.current = None

    def _keep(self, entry: Entry) -> None:
        """Leave ``entry`` to others; raise if it refuses what this thread has sent before."""
        if self.discards(entry):
            self._queue.settle(entry)
            return
        self._queue.keep(entry)
        if isinstance(entry.item, ErrorEvent):
            self._raise_if_refusal(entry.number, entry.item)

    def _raise_earlier_refusal(self) -> None:
        """Raise what the server refused before the turn, unless somebody has consumed it."""
        for number, event in self._queue.errors_since(0):
            if self._queue.is_queued(number):
                self._raise_if_refusal(number, event)

    def _raise_if_refusal(self, number: int, event: ErrorEvent) -> None:
        """Raise an error event that refuses one of this thread's requests, and consume it."""
        for request in self._sender.requests:
            if self._state.refuses(event, request) and event.severity != "benign":
                self._sender.forget(request)
                self._queue.withdraw(number)
                raise server_error(event)

    def _take_new(self, deadline: Deadline) -> Entry:
        if self._queue.starved:
            raise self._queue.full_error()
        try:
            return self._queue.take_new(deadline)
        except RealtimeTimeout:
            raise timed_out(
                self._awaited_now(), deadline.timeout, self._queue, self._begun
            ) from None

    def _awaited_now(self) -> str:
        """Say what the turn is waiting for."""
        turn = self.current
        if turn is None or turn.must_repeat:
            return "the end of the response that was running already"
        if turn.response_id is None:
            return "the 'response.created' of this turn"
        return f"the 'response.done' of this turn's {turn.response_id}"


def check_response(response: object) -> None:
    """Raise LocalProtocolError for settings of an answer that can't be sent."""
    if response is None:
        return
    if not isinstance(response, Mapping):  # which a model of settings is not
        raise LocalProtocolError(
            f"response is {shown(response)}; pass a mapping such as "
            "{'output_modalities': ['text']}, or None (nothing was sent)"
        )
    write_json(dict(response), "response")


def user_items(
    text: str | None, audio: str | bytes | Samples | None, *, pcm: bool
) -> list[JsonDict]:
    """Return what the user says as an item, or nothing when the model is only to go on.

    Raises:
        LocalProtocolError: there are both text and audio.
        FormatError: the audio is not of the session's form, or is a whole file.
    """
    if text is not None and audio is not None:
        raise LocalProtocolError("ask either with text or with audio, not with both")
    if text is not None:
        if not isinstance(text, str):
            raise LocalProtocolError(
                f"text is {shown(text)}; pass a str, or sound as audio=… (nothing was sent)"
            )
        content = {"type": "input_text", "text": text}
    elif audio is not None:
        encoded = audio_base64(audio, pcm=pcm)
        check_beginning(audio, encoded)
        content = {"type": "input_audio", "audio": encoded.decode()}
    else:
        return []
    return [{"type": "message", "role": "user", "content": [content]}]
