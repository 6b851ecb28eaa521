"""Ask from a terminal: python samples/django_desk/manage.py ask "What time is it?" """

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from ...models import Conversation, Turn
from ...turns import Message, answer
from ...uploads import read_recording

_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


class Command(BaseCommand):
    """Asks once, and shows the answer as it comes; both are in the log."""

    help = "Ask with a text or a sound file; the answer is shown as it comes, and is in the log."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare them."""
        parser.add_argument("question", help="a text, or the path of a sound file")
        parser.add_argument("--save", type=Path, help="have it spoken, and write it as a WAV file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask."""
        question, save = options["question"], options["save"]
        if save is not None and not save.absolute().parent.is_dir():
            raise CommandError(f"There is no folder for --save {save}.")
        pcm = _sound(question)
        text = "" if pcm else _checked(question)
        try:
            conversation = Conversation.objects.create()
            with closing(answer(conversation, text=text, pcm=pcm, aloud=bool(save))) as messages:
                self._show(messages)
        except DatabaseError as error:
            raise CommandError(f"The log can't be written: {error}. Has `migrate` run?") from error
        except KeyboardInterrupt:
            raise CommandError("You stopped the answer.", returncode=130) from None
        if save is not None:
            _save(conversation, save)

    def _show(self, messages: Iterable[Message]) -> None:
        for message in messages:
            match message.event:
                case "heard":
                    self.stdout.write(f"heard: {message.data['text']}")
                case "delta":
                    self.stdout.write(str(message.data["text"]), ending="")
                    self.stdout.flush()
                case "error":
                    raise CommandError(str(message.data["message"]))
        self.stdout.write()


def _checked(question: str) -> str:
    if not question.strip():
        raise CommandError("Write a question first.")
    try:
        question.encode()
    except UnicodeEncodeError as error:  # as Python brings in what it can't decode
        raise CommandError(
            f"The question is not written in {sys.getfilesystemencoding()}, which the "
            "environment names; set LC_ALL=C.UTF-8 and ask in UTF-8."
        ) from error
    return question


def _sound(question: str) -> bytes:
    """Return the sound of a question that is a path; nothing of a text."""
    # Of a long text `Path` would ask the system, which raises.
    if os.path.isfile(question):  # noqa: PTH113
        return _read(Path(question))
    if question.lower().endswith(_SUFFIXES):
        raise CommandError(f"There is no file {question}.")
    return b""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        try:
            return read_recording(UploadedFile(File(file), path.name, size=path.stat().st_size))
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error


def _save(conversation: Conversation, path: Path) -> None:
    turn = Turn.objects.get(conversation=conversation, who=Turn.Who.ASSISTANT)
    if not turn.sound:
        raise CommandError("The answer is in the log, but was not spoken: the model sent no sound.")
    try:
        with turn.sound.open() as sound:
            path.write_bytes(sound.read())
    except OSError as error:
        raise CommandError(f"The answer is in the log, but not in {path}: {error}.") from error
