"""The desk's own tests: python samples/django_desk/manage.py test samples.django_desk.desk.tests

The embedded server answers, or a script where an answer must not end or fail.
"""

from __future__ import annotations

import io
import tempfile
import threading
import unittest
import wave
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
from django.contrib.auth.models import User
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import SimpleTestCase, TestCase, override_settings
from django.utils import timezone
from django.utils.html import escape

from realtime_sync import Local, OpenAI
from realtime_sync.audio import read_wav
from realtime_sync.testing import (
    ScriptedClient,
    ScriptedServer,
    Step,
    drop_link,
    error,
    text_answer,
)

from . import provider, turns
from .models import Conversation, Turn
from .ranges import ranged
from .sse import stream
from .turns import HEARTBEAT, Message
from .uploads import read_recording
from .visitor import PATIENCE_S, Visitor, events_in, lines_of

QUESTION = Path(__file__).parents[2] / "questions" / "weather.wav"
WORDS = "what is the weather in london"


def setUpModule() -> None:
    """Start the embedded server, and keep the sound of all tests in a folder that goes."""
    sound = tempfile.TemporaryDirectory(prefix="desk-")
    unittest.addModuleCleanup(sound.cleanup)
    settings = override_settings(MEDIA_ROOT=sound.name)
    settings.enable()
    unittest.addModuleCleanup(settings.disable)
    local = Local()
    assert local.url  # it runs
    unittest.addModuleCleanup(local.close)
    asked = mock.patch.object(provider, "client", return_value=local)
    asked.start()
    unittest.addModuleCleanup(asked.stop)


def recording(kind: str = "WAV", *, silent_s: float = 0.0, rate: int = 24_000) -> bytes:
    """Return a question, or silence, as a sound file of this kind."""
    pcm = np.frombuffer(read_wav(QUESTION, rate=rate), "<i2")
    samples = np.zeros(round(silent_s * rate), "<i2") if silent_s else pcm
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


def body_of(answer: Any) -> bytes:
    """Return all that a view streams to the tests' client."""
    return b"".join(answer.streaming_content)


@contextmanager
def scripted(*answers: Any) -> Iterator[ScriptedServer]:
    """Let a script answer."""
    server = ScriptedServer(answers)
    client = ScriptedClient(server)
    with mock.patch.object(provider, "client", return_value=client):
        yield server


class LiveTests(StaticLiveServerTestCase):
    """A page and a server, with a thread for each visitor."""

    def visitor(self) -> Visitor:
        """Return a new one, who goes with the test."""
        visitor = Visitor(self.live_server_url)
        self.addCleanup(visitor.close)
        return visitor

    def test_a_written_answer_comes_word_by_word(self) -> None:
        """And is in the log as it was shown."""
        visitor = self.visitor()
        events = visitor.events("/ask/", data={"text": "Please count to three."})
        (start, first), *deltas, (done, last) = events
        assert (start, done) == ("start", "done")
        assert len(deltas) > 1
        assert {kind for kind, _ in deltas} == {"delta"}
        words = "".join(data["text"] for _, data in deltas)
        assert words == "one, two, three."
        assert last == {"turn": first["turn"], "sound": None}
        asked, answered = Turn.objects.all()
        assert (asked.who, asked.state, asked.text) == ("user", "done", "Please count to three.")
        assert (answered.who, answered.state, answered.text) == ("assistant", "done", words)
        assert answered.input_tokens
        assert answered.output_tokens
        assert not answered.sound
        assert words in visitor.page()

    def test_a_recording_is_written_down_and_answered_aloud(self) -> None:
        """The sound of both sides is theirs who have heard it."""
        visitor = self.visitor()
        file = {"recording": ("question.wav", recording())}
        events = visitor.events("/recordings/", files=file)
        kinds = [kind for kind, _ in events]
        assert kinds[:2] == ["start", "heard"]
        assert events[1][1] == {"text": WORDS}
        assert kinds[-1] == "done"
        address = events[-1][1]["sound"]
        sound = visitor.get(address)
        assert "no-store" in sound.headers["Cache-Control"]
        assert sound.headers["Content-Type"] == "audio/wav"
        assert "attachment" not in sound.headers["Content-Disposition"]
        assert "attachment" in visitor.get(f"{address}?download").headers["Content-Disposition"]
        assert visitor.get(address, Range="bytes=8-11").content == b"WAVE"
        with wave.open(io.BytesIO(sound.content)) as reply:
            assert (reply.getnchannels(), reply.getframerate()) == (1, 24_000)
            seconds = reply.getnframes() / 24_000
        asked, answered = Turn.objects.all()
        assert asked.text == WORDS
        assert asked.sound.size > len(read_wav(QUESTION, rate=24_000))
        assert answered.seconds == round(seconds, 2)
        assert seconds > 1
        assert self.visitor().get(address).status_code == 404

    def test_a_browser_without_scripts_gets_the_page_again(self) -> None:
        """With everything on it."""
        visitor = self.visitor()
        page = visitor.post(
            "/ask/", script=False, data={"text": "Please count to three.", "aloud": "1"}
        )
        assert page.history[0].status_code == 302
        assert "one, two, three." in page.text
        assert "<audio controls" in page.text
        visitor.post("/new/", script=False)
        assert "one, two, three." not in visitor.page()
        assert Turn.objects.count() == 2

    def test_three_visitors_at_once(self) -> None:
        """Each has an answer of their own, and a conversation of their own."""
        visitors = [self.visitor() for _ in range(3)]
        texts = [f"Repeat after me: this is number {name}." for name in ("one", "two", "three")]
        with ThreadPoolExecutor(3) as pool:
            answers = pool.map(
                lambda visitor, text: visitor.events("/ask/", data={"text": text}), visitors, texts
            )
            ended = [answer[-1][0] for answer in answers]
        assert ended == ["done", "done", "done"]
        assert Conversation.objects.count() == 3
        for asked in Turn.objects.filter(who="user"):
            answer = Turn.objects.get(conversation=asked.conversation, who="assistant")
            assert answer.text.lower().strip(".") in asked.text.lower()

    def test_the_model_knows_what_was_said(self) -> None:
        """The second connection is told of the first one's turn."""
        visitor = self.visitor()
        with scripted(text_answer("Blue."), text_answer("I said so.")) as server:
            visitor.post("/ask/", data={"text": "Which colour?"})
            visitor.post("/ask/", data={"text": "Why?"})
        assert len(server.urls) == 2
        items = [
            (each["item"]["role"], each["item"]["content"][0]["text"])
            for each in server.sent
            if each["type"] == "conversation.item.create"
        ]
        asked = ("user", "Which colour?")
        assert items == [asked, asked, ("assistant", "Blue."), ("user", "Why?")]

    @override_settings(DESK_HEARTBEAT_S=0.05)
    def test_a_visitor_who_leaves_ends_the_answer(self) -> None:
        """A heartbeat notices it, where nothing else is written."""
        visitor = self.visitor()
        with (
            scripted(text_answer("Once upon a time", finished=False)),
            self.assertLogs("samples.django_desk", "INFO") as log,
        ):
            with visitor.post("/ask/", data={"text": "Tell me a story."}, stream=True) as answer:
                lines = lines_of(answer)
                seen = [next(lines)]
                while seen.count(": heartbeat") < 2:
                    seen.append(next(lines))
            turn = self._when_over()
        assert seen.index("event: start") < seen.index("event: delta") < seen.index(": heartbeat")
        assert (turn.state, turn.text) == ("left", "Once upon a time")
        assert "the visitor left" in log.output[-1]
        assert "You left before the end." in visitor.page()

    def test_a_visitor_who_leaves_at_the_end_has_an_answer(self) -> None:
        """It is complete, whether they have seen that or not."""
        with scripted(text_answer("Yes.")):
            messages = turns.answer(Conversation.objects.create(), text="Is it done?")
            while next(messages).event != "done":
                pass
            messages.close()
        assert Turn.objects.get(who="assistant").state == "done"

    def _when_over(self) -> Turn:
        """Wait until the answer is no longer under way: a thread of the server writes it down."""
        for _ in range(50 * PATIENCE_S):
            if Turn.objects.get(who="assistant").state != "running":
                break
            threading.Event().wait(0.02)
        return Turn.objects.get(who="assistant")


class StreamTests(SimpleTestCase):
    """What is on the wire."""

    def test_events_and_heartbeats(self) -> None:
        """A heartbeat is a comment, and comes only where nothing else did for long enough."""
        times = iter([0.0, 1.0, 1.0, 5.9, 6.0, 6.0, 10.9, 11.0, 11.0])
        messages = [Message("delta", {"text": "a\n"}), *[HEARTBEAT] * 5]
        told = list(stream((each for each in messages), 5.0, clock=lambda: next(times)))
        assert told == [
            b'event: delta\ndata: {"text": "a\\n"}\n\n',
            b": heartbeat\n\n",
            b": heartbeat\n\n",
        ]

    def test_its_end_is_that_of_the_messages(self) -> None:
        """So that nothing goes on for a visitor who has left."""
        ended = []

        def messages() -> Generator[Message]:
            try:
                yield Message("start", {})
            finally:
                ended.append(True)

        running = messages()  # held here: not because it is forgotten
        told = stream(running, 5.0)
        next(told)
        told.close()
        assert ended == [True]


class RangeTests(SimpleTestCase):
    """Parts of a file."""

    def test_a_part(self) -> None:
        """From the beginning, in the middle, to the end, and so many from the end."""
        for asked, part, told in (
            ("bytes=0-1", b"01", "0-1"),
            ("bytes=3-3", b"3", "3-3"),
            ("bytes=8-", b"89", "8-9"),
            ("bytes=8-99", b"89", "8-9"),
            ("bytes=-3", b"789", "7-9"),
            ("bytes=-99", b"0123456789", "0-9"),
        ):
            with self.subTest(asked=asked):
                answer = ranged(asked, b"0123456789")
                assert (answer.status_code, answer.content) == (206, part)
                assert answer["Content-Range"] == f"bytes {told}/10"

    def test_no_part(self) -> None:
        """What is not asked for in a way that is known brings the whole file."""
        long = f"bytes=0-{'9' * 5000}"  # `int` takes no such text
        for asked in ("", "bytes=-", "bytes=0-1,3-4", "lines=1-2", long):
            with self.subTest(asked=asked):
                answer = ranged(asked, b"0123456789")
                assert (answer.status_code, answer.content) == (200, b"0123456789")
                assert answer["Accept-Ranges"] == "bytes"

    def test_a_part_that_is_not_there(self) -> None:
        """It is refused, and the size is told."""
        for asked in ("bytes=10-", "bytes=5-4", "bytes=-0"):
            with self.subTest(asked=asked):
                answer = ranged(asked, b"0123456789")
                assert (answer.status_code, answer.content) == (416, b"")
                assert answer["Content-Range"] == "bytes */10"


class StorableTests(TestCase):
    """Words of a provider that a database does not take."""

    def test_they_are_replaced(self) -> None:
        """What came in two halves is whole, and what is no text is marked."""
        words = "a\0b \ud83d\ude00 \ud83d"
        conversation = Conversation.objects.create()
        turn = Turn(conversation=conversation, text=words, error=words, detail=words)
        turn.save()
        turn.refresh_from_db()
        assert {turn.text, turn.error, turn.detail} == {"a\ufffdb \U0001f600 \ufffd"}


class RefusalTests(TestCase):
    """What visitors send that is not taken, and what they are told."""

    def _refused(self, name: str, content: bytes, status: int = 400) -> str:
        """Send a file that is refused, and return the sentence; the page shows the same."""
        told = []
        for headers in ({"accept": "text/event-stream"}, {}):
            file = SimpleUploadedFile(name, content)
            answer = self.client.post("/recordings/", {"recording": file}, headers=headers)
            assert answer.status_code == status
            told.append(answer)
        sentence: str = told[0].json()["error"]
        self.assertContains(told[1], f'role="alert">{escape(sentence)}</p>', status_code=status)
        assert not Turn.objects.exists()
        return sentence

    def test_other_formats(self) -> None:
        """The sentence says what it is, and what is taken."""
        taken = "which is not taken. Taken are WAV, FLAC, Ogg and MP3."
        m4a = b"\0\0\0\x20ftypM4A " + bytes(64)
        assert self._refused("a.m4a", m4a) == f"a.m4a is an M4A or MP4 file, {taken}"
        webm = b"\x1a\x45\xdf\xa3" + bytes(64)
        assert self._refused("a.webm", webm) == f"a.webm is a WebM file, {taken}"
        text = self._refused("a.wav", b"Hello, this is a text.")
        assert text == f"a.wav is no sound file of a known kind, {taken}"
        aac = self._refused("a.aac", b"\xff\xf1\x50" + bytes(64))
        assert aac == f"a.aac is no sound file of a known kind, {taken}"
        aiff = self._refused("a.aiff", recording("AIFF"))
        assert aiff == f"a.aiff is no sound file of a known kind, {taken}"

    def test_empty_and_damaged_files(self) -> None:
        """Each has a sentence of its own."""
        assert self._refused("a.wav", b"").startswith("The file is empty.")
        unread = "a.flac can't be read: it is damaged, or has another kind of sound inside."
        assert self._refused("a.flac", recording("FLAC")[:60]).startswith(unread)
        assert self._refused("a.spx", b"OggS" + bytes(100)).startswith("a.spx can't be read:")
        assert self._refused("a.wav", recording()[:44]) == (
            "There is no sound in a.wav. Record it again."
        )

    @override_settings(DESK_MAX_SECONDS=2)
    def test_too_long(self) -> None:
        """Whatever the size: two seconds and a sample of silence are a small FLAC file."""
        assert self._refused("a.flac", recording("FLAC", silent_s=2.2)) == (
            "a.flac is too long: 2 seconds are taken."
        )

    @override_settings(DESK_MAX_BYTES=2**20)
    def test_too_large(self) -> None:
        """The file is not kept, and its kind is not looked at."""
        assert self._refused("a.wav", bytes(2**20 + 1), status=413) == (
            "The file is too large: 1 MB are taken."
        )

    def test_no_file_and_no_question(self) -> None:
        """A form that is sent empty."""
        headers = {"accept": "text/event-stream"}
        answer = self.client.post("/recordings/", headers=headers)
        assert answer.json()["error"].startswith("Choose a recording first: WAV, FLAC,")
        answer = self.client.post("/ask/", {"text": "  "}, headers=headers)
        assert answer.json() == {"error": "Write a question first."}
        answer = self.client.post("/ask/", {"text": "a" * 2001}, headers=headers)
        assert answer.json() == {"error": "The question is too long: 2000 letters are taken."}

    def test_only_the_headers(self) -> None:
        """Monitors, and browsers before they load a sound, ask so."""
        assert self.client.head("/").status_code == 200

    def test_a_form_of_another_site(self) -> None:
        """It has no token."""
        strict = self.client_class(enforce_csrf_checks=True)
        assert strict.post("/ask/", {"text": "Hello!"}).status_code == 403
        assert strict.get("/ask/").status_code == 405


class FormatTests(SimpleTestCase):
    """Recordings of every kind that is taken."""

    def test_each_is_read(self) -> None:
        """As PCM16, mono, 24 kHz, to its end."""
        length = len(read_wav(QUESTION, rate=24_000))
        for kind in ("WAV", "FLAC", "OGG", "MP3", "RF64"):
            for rate in (24_000, 48_000):
                with self.subTest(kind=kind, rate=rate):
                    file = SimpleUploadedFile("a.bin", recording(kind, rate=rate))
                    # MP3 has frames of its own; the last chunk is filled up.
                    assert abs(len(read_recording(file)) - length) < 2 * 2400 + 4800

    def test_mp3_without_a_tag(self) -> None:
        """Many recorders write none."""
        mp3 = recording("MP3")
        assert not mp3.startswith(b"ID3")
        assert read_recording(SimpleUploadedFile("a.mp3", mp3))


class ProblemTests(TestCase):
    """What goes wrong between desk and provider: a sentence on the page, the cause in the log."""

    def _problem(self, **said: Any) -> str:
        """Ask, and return the sentence that comes; it is in the log, too."""
        with self.assertLogs("samples.django_desk", "WARNING"):
            path = "/recordings/" if "recording" in said else "/ask/"
            headers = {"accept": "text/event-stream"}
            answer = self.client.post(path, said or {"text": "Hello!"}, headers=headers)
            body = body_of(answer).decode()
        kind, data = list(events_in(body.splitlines()))[-1]
        assert kind == "error"
        turn = Turn.objects.get(pk=data["turn"])
        assert (turn.state, turn.error) == ("failed", data["message"])
        assert turn.detail
        self.assertContains(self.client.get("/"), escape(turn.error))
        return turn.error

    @contextmanager
    def _elsewhere(self, **options: Any) -> Iterator[None]:
        """Ask another provider."""
        with (
            OpenAI(**options) as client,
            mock.patch.object(provider, "client", return_value=client),
        ):
            yield

    def test_nobody_answers_there(self) -> None:
        """The provider is down."""
        with self._elsewhere(api_key="any", base_url="http://127.0.0.1:9/v1"):
            assert self._problem().startswith("The voice provider can't be reached.")

    def test_a_wrong_key(self) -> None:
        """The key is in no sentence."""
        local = provider.client()
        assert isinstance(local, Local)
        with self._elsewhere(api_key="wrong", base_url=local.url):
            assert self._problem().startswith("The voice provider does not accept this desk's key.")

    def test_the_provider_refuses(self) -> None:
        """Its words are in the log alone."""
        with scripted(Step("response.create", error("No credit of account 7 is left."))):
            told = self._problem()
        assert told == "The voice provider could not answer that. Please try again."
        assert "account 7" in Turn.objects.get(who="assistant").detail

    @override_settings(DESK_ANSWER_S=0.2)
    def test_no_answer_in_time(self) -> None:
        """What came of it stays."""
        with scripted(text_answer("I think", finished=False)):
            assert self._problem() == "No answer came in time. Please try again."
        assert Turn.objects.get(who="assistant").text == "I think"

    def test_the_link_breaks(self) -> None:
        """In the middle of an answer."""
        with scripted([*text_answer("This is lost.")[:5], *drop_link()]):
            assert self._problem().startswith("The connection to the voice provider broke.")

    def test_silence(self) -> None:
        """It is written down as nothing, and is not answered."""
        file = SimpleUploadedFile("a.wav", recording(silent_s=1.0))
        assert self._problem(recording=file).startswith("No speech was recognised.")


class LostTests(TestCase):
    """What a killed server leaves in the log."""

    def test_an_answer_that_nobody_writes(self) -> None:
        """The page waits for it while it may come, and not for ever."""
        with scripted(text_answer("Of course.")):
            assert self.client.post("/ask/", {"text": "Can you hear me?"}).status_code == 302
        turns = Turn.objects.filter(who="assistant")
        turns.update(state=Turn.State.RUNNING)
        self.assertContains(self.client.get("/"), 'data-state="running"')
        turns.update(at=timezone.now() - timedelta(minutes=5))
        page = self.client.get("/")
        self.assertNotContains(page, 'data-state="running"')
        self.assertContains(page, "The answer was not finished.")


class AdminTests(TestCase):
    """The log, as an operator sees it."""

    def setUp(self) -> None:
        """Log in, and have something in the log."""
        self.client.force_login(User.objects.create_superuser("ada"))
        with scripted(text_answer("Of course.")):
            answer = self.client.post("/ask/", {"text": "Can you hear me?"})
        assert answer.status_code == 302

    def test_what_was_said_is_found(self) -> None:
        """By its words, by who has said it and by its state."""
        conversations = "/admin/desk/conversation/"
        self.assertContains(self.client.get(conversations), "Can you hear me?")
        found = self.client.get(conversations, {"q": "course", "turns__state__exact": "done"})
        self.assertContains(found, "Can you hear me?")
        self.assertNotContains(self.client.get(conversations, {"q": "elephant"}), "hear me?")
        found = self.client.get("/admin/desk/turn/", {"who__exact": "assistant"})
        self.assertContains(found, "Of course.")
        self.assertNotContains(found, "Can you hear me?")

    def test_a_conversation_is_read_and_not_changed(self) -> None:
        """There is no field and no button for that."""
        conversation = Conversation.objects.get()
        address = f"/admin/desk/conversation/{conversation.pk}/change/"
        page = self.client.get(address)
        self.assertContains(page, "Of course.")
        self.assertNotContains(page, 'name="_save"')
        assert self.client.post(address, {}).status_code == 403
        assert self.client.get("/admin/desk/turn/add/").status_code == 403
        pk = Turn.objects.latest("pk").pk
        assert (
            self.client.post(f"/admin/desk/turn/{pk}/delete/", {"post": "yes"}).status_code == 403
        )

    def test_a_turn_is_heard(self) -> None:
        """On its own page, and beside the others of its conversation."""
        turn = Turn.objects.latest("pk")
        turn.sound.save("a.wav", ContentFile(recording()))
        for page in (
            f"/admin/desk/turn/{turn.pk}/change/",
            f"/admin/desk/conversation/{turn.conversation.pk}/change/",
        ):
            self.assertContains(self.client.get(page), f'src="/turns/{turn.pk}/sound.wav"')

    def test_sound_is_for_those_who_may_read_the_log(self) -> None:
        """And for no other visitor."""
        turn = Turn.objects.latest("pk")
        turn.sound.save("a.wav", ContentFile(recording()))
        other = self.client_class()
        assert other.get(f"/turns/{turn.pk}/sound.wav").status_code == 404
        other.force_login(User.objects.create_user("bob", is_staff=True))
        assert other.get(f"/turns/{turn.pk}/sound.wav").status_code == 404
        other.force_login(User.objects.get(username="ada"))
        assert other.get(f"/turns/{turn.pk}/sound.wav").content == recording()
        Path(turn.sound.path).unlink()
        assert other.get(f"/turns/{turn.pk}/sound.wav").status_code == 404


class CommandTests(TestCase):
    """`manage.py ask`."""

    def test_a_question_in_writing(self) -> None:
        """Its answer is printed, and in the log."""
        printed = io.StringIO()
        call_command("ask", "Please count to three.", stdout=printed)
        assert printed.getvalue() == "one, two, three.\n"
        assert Turn.objects.latest("pk").text == "one, two, three."

    def test_a_recording(self) -> None:
        """What was heard is printed first; the spoken answer becomes a file."""
        printed = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer.wav"
            call_command("ask", str(QUESTION), "--save", str(answer), stdout=printed)
            assert len(read_wav(answer)) > 48_000
        heard, words = printed.getvalue().splitlines()
        assert heard == f"heard: {WORDS}"
        assert "London" in words

    def test_what_goes_wrong(self) -> None:
        """It is a sentence, and no traceback."""
        with tempfile.NamedTemporaryFile(suffix=".m4a") as file:
            file.write(b"\0\0\0\x20ftypM4A ")
            file.flush()
            with self.assertRaisesMessage(CommandError, "is an M4A or MP4 file"):
                call_command("ask", file.name)
        with (
            override_settings(DESK_MAX_BYTES=2**10),
            self.assertRaisesMessage(CommandError, "The file is too large"),
        ):
            call_command("ask", str(QUESTION))
        with self.assertRaisesMessage(CommandError, "Write a question first."):
            call_command("ask", " ")
        with self.assertRaisesMessage(CommandError, "is not written in utf-8"):
            call_command("ask", "na\udcefve?")
        with self.assertRaisesMessage(CommandError, "There is no file wether.wav."):
            call_command("ask", "wether.wav")
        with self.assertRaisesMessage(CommandError, "There is no folder for --save"):
            call_command("ask", "Hello!", "--save", "/no/such/folder/answer.wav")
        assert not Conversation.objects.exists()
        with scripted(drop_link()), self.assertRaisesMessage(CommandError, "provider broke"):
            call_command("ask", "Hello!")

    def test_an_answer_without_sound(self) -> None:
        """Some models write only."""
        with tempfile.TemporaryDirectory() as folder, scripted(text_answer("Yes.")):
            answer = Path(folder) / "answer.wav"
            with self.assertRaisesMessage(CommandError, "the model sent no sound"):
                call_command("ask", "Hello!", "--save", str(answer), stdout=io.StringIO())
            assert not answer.exists()

    def test_a_long_text_is_no_path(self) -> None:
        """However long."""
        with scripted(text_answer("Yes.")):
            call_command("ask", "Is this long? " * 100, stdout=io.StringIO())
        assert Turn.objects.latest("pk").text == "Yes."
