"""Where a session stands in its turns, as its messages tell; no I/O."""

from __future__ import annotations

from .wire_messages import DistillerEvent, decode_message

__all__ = ["ResponseEnds", "TurnState"]

# After an interruption these are of a new response.
_BEGIN_ANSWER = ("response.created", "response.text.delta", "response.audio.delta")


class TurnState:
    """Follows the messages of a session at the moment of their arrival, whoever consumes them.

    Attributes:
        created: the ``session.created`` of the link of the moment.
        vad_enabled: whether the server hears the user while an agent speaks.
        responding: whether a response runs: created, and neither done nor interrupted.
        responses: how many were created.

    Threads: `decode` is the reader's, `begin` that of the thread that opens a link; the rest is
        anybody's. Each attribute is replaced at once.
    """

    def __init__(self) -> None:
        self.created: DistillerEvent | None = None
        self.vad_enabled = False
        self.responding = False
        self.responses = 0
        self._asked = False  # something that has no response yet
        self._heard = False  # sound that nothing has come of yet
        self._left_over = False  # an interrupted response was not called done

    @property
    def quiet(self) -> bool:
        """Whether nothing of a turn is going on, so that nothing is lost with a link.

        To a server with VAD sound is no turn before it hears words in it: a microphone is always
        open there.
        """
        return not (self.responding or self._asked or (self._heard and not self.vad_enabled))

    def begin(self, created: DistillerEvent) -> None:
        """Take that a session has begun; what was going on in an earlier one is over."""
        self.created = created
        self.vad_enabled = created.vad_enabled
        self.responding = self._heard = self._left_over = False

    def ask(self) -> None:
        """Take that something is about to be sent that will have a response."""
        self._asked = True

    def hear(self) -> None:
        """Take that sound is about to be sent."""
        self._heard = True

    def forget_sound(self) -> None:
        """Take that the server is about to forget the sound that it has."""
        self._heard = False

    def decode(self, text: str) -> DistillerEvent:
        """Return the event in a message that has just arrived, and take note of it.

        Raises:
            RemoteProtocolError: it is no JSON object.
        """
        event = decode_message(text)
        self._note(event.type)
        event.response_number = self.responses
        return event

    def _note(self, kind: str) -> None:
        if kind == "response.created":
            self.responses += 1
            self.responding = True
            self._asked = self._heard = self._left_over = False
        elif kind == "response.done":
            if not (self.responding or self._left_over):  # its server does not say "created"
                self._asked = self._heard = False
            self.responding = self._left_over = False
        elif kind == "response.interrupted":
            self.responding = False
            self._asked = self._left_over = True  # the user says something
        elif kind.startswith("response.audio_transcript."):
            self._asked = True


class ResponseEnds:
    """Tells a ``response.done`` that ends an answer from one left over from an answer before.

    A response that was interrupted, or cancelled, may still be called done. A program that has gone
    on to the next turn would take that for the end of the next answer.

    Threads: `cancel` and `ask` from any thread, `is_left_over` is the consumer's.
    """

    def __init__(self) -> None:
        self._interrupted = False
        self._cancelled = -1  # the number of the response that was cancelled last
        self._left_behind = -1  # that number, once the program has asked for something else

    def cancel(self, number: int) -> None:
        """Take that the response of this number, counted from 1, is being cancelled."""
        self._cancelled = number

    def ask(self) -> None:
        """Take that the program has gone on: it is about to send what will have a response."""
        self._left_behind = self._cancelled

    def is_left_over(self, event: DistillerEvent) -> bool:
        """Take the next event; return whether it is a ``response.done`` that ends no answer.

        That of a cancelled response ends the answer as long as the program has not asked for
        another one.
        """
        kind = event.type
        if kind == "response.done":
            # By the number that it came with: to count here would be wrong for ever after a signal
            # handler that raises between an event's coming out of the queue and this.
            left_over = self._interrupted or event.response_number <= self._left_behind
            self._interrupted = False
            return left_over
        if kind in _BEGIN_ANSWER:
            self._interrupted = False
        elif kind == "response.interrupted":
            self._interrupted = True
        return False
