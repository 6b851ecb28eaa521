"""Asks, and writes down in the log what happens."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import close_old_connections, connection
from django.urls import reverse

from realtime_sync import RealtimeError

from . import provider
from .dialogue import Answered, Heard, Pause, Question, Said, Settings, Words, ask
from .models import Conversation, Turn
from .problems import sentence
from .uploads import seconds, wav_file

log = logging.getLogger(__name__)

_REMEMBERED = 20  # turns of the conversation that the model is told


@dataclass(frozen=True)
class Message:
    """What the page is told.

    Attributes:
        event: "start", "heard", "delta", "done", "error", or "" for a heartbeat.
        data: ``turn`` (its number) of a start, a done and an error; ``text`` of what was heard and
            of a delta; ``sound`` (an address, or None) of a done; ``message`` of an error.
    """

    event: str
    data: dict[str, object]


HEARTBEAT = Message("", {})


def earlier(conversation: Conversation) -> list[Said]:
    """Return what was said so far, the oldest first."""
    turns = Turn.objects.filter(conversation=conversation, state=Turn.State.DONE).exclude(text="")
    latest = list(turns.order_by("-pk")[:_REMEMBERED])
    return [
        Said("user" if turn.who == Turn.Who.USER else "assistant", turn.text)
        for turn in reversed(latest)
    ]


def answer(
    conversation: Conversation, *, text: str = "", pcm: bytes = b"", aloud: bool = False
) -> Generator[Message]:
    """Ask the model, and yield what the page is told.

    Nothing is held open between two calls but the connection to the provider, which belongs to this
    iterator alone: closing it closes the connection, and the log says that the visitor has left.
    The database is let go meanwhile: it may have fewer connections than there are visitors, or
    be restarted.

    Args:
        conversation: which the turn belongs to.
        text: a question in writing.
        pcm: a recording, PCM16 mono at 24 kHz, in its place.
        aloud: whether the answer to writing is spoken; that to a recording always is.
    """
    question = Question(text, pcm, aloud or bool(pcm), earlier(conversation))
    asked = Turn(conversation=conversation, who=Turn.Who.USER, state=Turn.State.DONE, text=text)
    if pcm:
        _keep(asked, pcm)
    asked.save()
    turn = Turn.objects.create(conversation=conversation, who=Turn.Who.ASSISTANT)
    try:
        yield Message("start", {"turn": turn.pk})
        yield from _follow(question, asked, turn)
    except RealtimeError as error:
        turn.state = Turn.State.FAILED
        turn.error, turn.detail = sentence(error), str(error)
        log.warning("turn %d failed: %s: %s", turn.pk, type(error).__name__, error)
        turn.save()
        yield Message("error", {"turn": turn.pk, "message": turn.error})
    except (GeneratorExit, KeyboardInterrupt):  # the latter of a terminal
        if turn.state == Turn.State.RUNNING:
            turn.state = Turn.State.LEFT
            log.info("turn %d: the visitor left", turn.pk)
        raise
    finally:
        if turn.state == Turn.State.RUNNING:  # a fault of this program, or a worker that ends
            turn.state = Turn.State.FAILED
        turn.save()


def _follow(question: Question, asked: Turn, turn: Turn) -> Generator[Message]:
    how = Settings(
        settings.DESK_MODEL,
        settings.DESK_TRANSCRIPTION_MODEL,
        settings.DESK_ANSWER_S,
        settings.DESK_HEARTBEAT_S,
    )
    _let_go_of_the_database()
    with closing(ask(provider.client(), question, how)) as steps:
        for step in steps:
            match step:
                case Heard(text=words):
                    asked.text = words
                    asked.save()
                    _let_go_of_the_database()
                    yield Message("heard", {"text": words})
                case Words(text=words):
                    turn.text += words
                    yield Message("delta", {"text": words})
                case Pause():
                    yield HEARTBEAT
                case Answered():
                    _complete(turn, step)
                    sound = reverse("desk:sound", args=[turn.pk]) if turn.sound else None
                    yield Message("done", {"turn": turn.pk, "sound": sound})


def _let_go_of_the_database() -> None:
    if not connection.in_atomic_block:  # which would be lost: that of a test, for one
        close_old_connections()


def _complete(turn: Turn, answered: Answered) -> None:
    turn.input_tokens, turn.output_tokens = answered.input_tokens, answered.output_tokens
    turn.state = Turn.State.DONE
    if answered.pcm:
        _keep(turn, answered.pcm)
    turn.save()


def _keep(turn: Turn, pcm: bytes) -> None:
    turn.seconds = round(seconds(pcm), 2)
    turn.sound.save(f"{turn.who}.wav", ContentFile(wav_file(pcm)), save=False)
