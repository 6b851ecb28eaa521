"""A call of the simulated Twilio: what it does with TwiML, and what it tells the program.

One thread per call goes from state to state as Twilio does: it rings, asks for TwiML, performs it
verb by verb, and tells the status callback of each step. An update by REST interrupts the verb that
is performed. Time does not pass: what is spoken, played or waited for is over at once, and only a
media stream lasts until somebody ends it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.etree import ElementTree as ET

from guards import Guard
from twilio_phone import TwilioPhone
from websockets.exceptions import InvalidStatus

__all__ = ["CallDesk", "SimulatedCall", "Webhook"]

ENDS = ("completed", "busy", "no-answer", "failed", "canceled")
_LISTENS = ("human", "machine_start", "machine_end_beep", "fax", "unknown")


@dataclass(frozen=True)
class Webhook:
    """A request that the program was sent, and its answer.

    Attributes:
        kind: ``"twiml"``, ``"status"``, ``"machine"``, ``"stream"``, ``"connect"`` or ``"dial"``.
        url: as Twilio has it.
        form: its fields.
        status: of the answer; 0 where there was none.
        answer: the body of the answer.
    """

    kind: str
    url: str
    form: Mapping[str, str]
    status: int
    answer: str


class CallDesk(Protocol):
    """What a call needs of the service."""

    account_sid: str
    repeats: int
    dial_outcome: str

    def post(self, url: str, form: Mapping[str, str], token: str) -> tuple[int, str]:
        """Send a signed form to the program; return the status and the body of its answer.

        A repeated one has the same ``token``.
        """

    def open_phone(
        self, url: str, parameters: dict[str, str], call_sid: str, stream_sid: str
    ) -> TwilioPhone:
        """Open a media stream to the program, with a signed upgrade."""


@dataclass
class Options:
    """How a call was ordered.

    Attributes:
        instructions: the TwiML, or the URL that answers with it.
        status_callback, status_events: who is told what.
        machine_detection: whether somebody finds out who answers.
        machine_callback: is told it while the call goes on.
        outcome: ``"human"``, a machine (``"machine_start"`` …), ``"busy"``, ``"no-answer"``,
            ``"failed"``, or ``"rings"``: nobody answers until the call is ended.
    """

    twiml: str | None = None
    url: str | None = None
    status_callback: str | None = None
    status_events: tuple[str, ...] = ("completed",)
    machine_detection: bool = False
    machine_callback: str | None = None
    outcome: str = "human"


class _Interrupted(Exception):  # noqa: N818 -- a way out of nested verbs
    """The call has ended, or has new instructions."""


@dataclass(eq=False)
class SimulatedCall:
    """A call.

    Attributes:
        heard: what Twilio has spoken.
        played: the URLs of sound files.
        dialled: whom the call was connected with.
        pauses: the seconds of each pause.
        streams: the media streams, as telephones; the last one is `phone`.
        webhooks: what the program was told and asked, in order.
        errors: Twilio's error codes, as its debugger shows them.
        ended_by: ``"api"``, ``"caller"``, or ``"twiml"``.
        rejected: the reason of a ``<Reject>``.
    """

    desk: CallDesk
    to: str
    from_: str
    direction: str
    options: Options
    sid: str = field(default_factory=lambda: f"CA{uuid.uuid4().hex}")
    status: str = "queued"
    answered_by: str | None = None
    duration: int | None = None
    rejected: str | None = None
    ended_by: str | None = None
    heard: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    pauses: list[int] = field(default_factory=list)
    streams: list[TwilioPhone] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._changed = threading.Condition()  # guards all above, and the next two
        self._orders: list[Options] = []
        self._is_over = False
        self._told = 0
        self._finder: threading.Thread | None = None
        self._thread = threading.Thread(target=self._watched, name=f"call {self.sid[:6]}")

    def start(self) -> None:
        """Begin; the call does the rest by itself."""
        self._thread.start()

    # -- what a test does and sees -----------------------------------------------------------------

    @property
    def phone(self) -> TwilioPhone:
        """The telephone of the media stream; waits for it."""
        self.wait_for(lambda: self.streams, "a media stream")
        return self.streams[-1]

    def hang_up(self) -> None:
        """End the call as the caller does."""
        self.end("caller")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so; it is looked at whenever something has changed."""
        with self._changed:
            come = self._changed.wait_for(lambda: condition() or self.failure, Guard().seconds)
            if self.failure is not None:
                raise self.failure
            assert come, f"{what} did not come"

    def wait_ended(self) -> None:
        """Wait until the call is over and the program was told."""
        Guard().join(self._thread)
        if self.failure is not None:
            raise self.failure

    def told(self, kind: str) -> list[Mapping[str, str]]:
        """Return the forms that the program was sent for one purpose."""
        with self._changed:
            return [each.form for each in self.webhooks if each.kind == kind]

    # -- what the REST service does ----------------------------------------------------------------

    def end(self, by: str) -> bool:
        """End the call; return False where it has ended before."""
        with self._changed:
            if self.status in ENDS:
                return False
            self._is_over = True
            self.ended_by = self.ended_by or by
            self._changed.notify_all()
        self._hang_up_streams()
        return True

    def redirect(self, options: Options) -> bool:
        """Have the call do something else; return False where it is not in progress."""
        with self._changed:
            if self.status != "in-progress" or self._is_over:
                return False
            self._orders.append(options)
            self._changed.notify_all()
        self._hang_up_streams()
        return True

    # -- its life ----------------------------------------------------------------------------------

    def _watched(self) -> None:
        try:
            self._live()
        except BaseException as exc:
            with self._changed:
                self.failure = exc
        finally:
            with self._changed:
                self._is_over = True
                if self.status not in ENDS:
                    self.status = "failed"
                self._changed.notify_all()
            for phone in self.streams:
                phone.close()
            if self._finder is not None:
                Guard().join(self._finder)

    def _live(self) -> None:
        if self.direction == "outbound-api":
            self._progress("initiated", "initiated")
            self._progress("ringing", "ringing")
            if self.options.outcome == "rings":
                self.wait_for(lambda: self._is_over, "the end of the ringing")
            if self._is_over or self.options.outcome not in _LISTENS:
                outcome = "canceled" if self._is_over else self.options.outcome
                self._progress(outcome, "completed")
                return
            self._progress("in-progress", "answered")
            self._find_out_who_answered()
        else:
            self._set_status("ringing")
        self._talk()

    def _find_out_who_answered(self) -> None:
        if not self.options.machine_detection:
            return
        with self._changed:
            self.answered_by = self.options.outcome
        if self.options.machine_callback is not None:
            self._finder = threading.Thread(target=self._tell_who_answered)
            self._finder.start()

    def _tell_who_answered(self) -> None:
        """Tell it while the call goes on: it takes seconds, and the stream has begun by then."""
        self.wait_for(lambda: self.streams or self._is_over, "a stream, or the end")
        assert self.options.machine_callback is not None
        self._tell("machine", self.options.machine_callback)

    def _talk(self) -> None:
        options = None if self._is_over else self.options
        while options is not None:
            with suppress(_Interrupted):
                self._perform(self._instructions(options))
            with self._changed:
                if not self._orders:
                    self.end("twiml")
                options = None if self._is_over else self._orders.pop(0)
        if self.rejected is None:
            with self._changed:
                self.duration = 1
            self._progress("completed", "completed")
        else:
            self._progress("busy" if self.rejected == "busy" else "no-answer", "completed")

    def _instructions(self, options: Options) -> list[ET.Element]:
        if options.twiml is not None:
            return _verbs(options.twiml)
        assert options.url is not None
        return self._ask("twiml", options.url)

    def _ask(self, kind: str, url: str, **more: str) -> list[ET.Element]:
        """Return what the program wants; an error is told to the caller, as Twilio does."""
        status, answer = self._tell(kind, url, **more)
        if not 200 <= status < 300:
            self._fail("11200")
            return []
        try:
            return _verbs(answer)
        except (ET.ParseError, AssertionError):
            self._fail("12100")
            return []

    def _fail(self, code: str) -> None:
        with self._changed:
            self.errors.append(code)
            self.heard.append("We are sorry, an application error has occurred. Goodbye.")
            self._changed.notify_all()

    # -- verbs -------------------------------------------------------------------------------------

    def _perform(self, verbs: list[ET.Element]) -> None:
        for verb in verbs:
            self._stop_if_interrupted()
            if verb.tag == "Reject" and self.status == "ringing":
                with self._changed:
                    self.rejected = verb.get("reason", "rejected")
                self.end("twiml")
            elif self.status == "ringing":
                self._progress("in-progress", "answered")
            self._stop_if_interrupted()
            follows = self._perform_one(verb)
            if follows is not None:
                self._perform(follows)
                return

    def _perform_one(self, verb: ET.Element) -> list[ET.Element] | None:
        """Perform a verb; return what it makes of the rest of the document, if it replaces it."""
        text = (verb.text or "").strip()
        match verb.tag:
            case "Say":
                self._note(self.heard, text)
            case "Play":
                self._note(self.played, text)
            case "Pause":
                self._note(self.pauses, int(verb.get("length", "1")))
            case "Hangup":
                self.end("twiml")
                self._stop_if_interrupted()
            case "Redirect":
                return self._ask("twiml", text)
            case "Dial":
                return self._dial(verb, text)
            case "Connect":
                return self._connect(verb)
            case other:
                raise AssertionError(f"<{other}> is not simulated")
        return None

    def _note(self, notes: list[Any], what: Any) -> None:
        with self._changed:
            notes.append(what)
            self._changed.notify_all()

    def _dial(self, verb: ET.Element, text: str) -> list[ET.Element] | None:
        for each in verb:
            name = (each.text or "").strip()
            self._note(self.dialled, f"client:{name}" if each.tag == "Client" else name)
        if text:
            self._note(self.dialled, text)
        action = verb.get("action")
        if action is None:
            return None
        return self._ask("dial", action, DialCallStatus=self.desk.dial_outcome)

    def _connect(self, verb: ET.Element) -> list[ET.Element] | None:
        stream = verb.find("Stream")
        assert stream is not None, "only streams are connected"
        parameters = {each.get("name", ""): each.get("value", "") for each in stream}
        stream_sid = f"MZ{uuid.uuid4().hex}"
        try:
            phone = self.desk.open_phone(stream.get("url", ""), parameters, self.sid, stream_sid)
        except (InvalidStatus, OSError) as exc:
            status = exc.response.status_code if isinstance(exc, InvalidStatus) else 0
            self._note(self.errors, "31920" if status else "31901")
        else:
            self._note(self.streams, phone)
            self._stop_if_interrupted()
            Guard(3600).wait(phone.ended, "the end of the media stream")
            phone.close()
        self._stop_if_interrupted()
        action = verb.get("action")
        return None if action is None else self._ask("connect", action, StreamSid=stream_sid)

    def _stop_if_interrupted(self) -> None:
        with self._changed:
            interrupted = self._is_over or bool(self._orders)
        if interrupted:
            self._hang_up_streams()
            raise _Interrupted

    def _hang_up_streams(self) -> None:
        with self._changed:
            phones = list(self.streams)
        for phone in phones:
            phone.hang_up()

    # -- telling the program -----------------------------------------------------------------------

    def _set_status(self, status: str) -> None:
        with self._changed:
            self.status = status
            self._changed.notify_all()

    def _progress(self, status: str, event: str) -> None:
        self._set_status(status)
        callback = self.options.status_callback
        if callback is not None and event in self.options.status_events:
            self._tell("status", callback, CallbackSource="call-progress-events")

    def _tell(self, kind: str, url: str, **more: str) -> tuple[int, str]:
        """Send a webhook, as often as the service repeats them; return the last answer."""
        form = self._form() | more
        if kind == "status":
            form["SequenceNumber"] = str(self._told)
            self._told += 1
        answer = (0, "")
        token = str(uuid.uuid4())
        for _ in range(self.desk.repeats):
            answer = self.desk.post(url, form, token)
            with self._changed:
                self.webhooks.append(Webhook(kind, url, form, *answer))
                self._changed.notify_all()
        return answer

    def _form(self) -> dict[str, str]:
        with self._changed:
            form = {
                "AccountSid": self.desk.account_sid,
                "ApiVersion": "2010-04-01",
                "CallSid": self.sid,
                "CallStatus": self.status,
                "Called": self.to,
                "Caller": self.from_,
                "Direction": self.direction,
                "From": self.from_,
                "To": self.to,
            }
            if self.answered_by is not None:
                form["AnsweredBy"] = self.answered_by
            if self.status == "completed":
                form |= {"CallDuration": str(self.duration), "Duration": "1"}
        return form


def _verbs(twiml: str) -> list[ET.Element]:
    root = ET.fromstring(twiml)
    assert root.tag == "Response", root.tag
    return list(root)
