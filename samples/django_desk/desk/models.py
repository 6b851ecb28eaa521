"""The log: conversations, and what each side has said."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class Conversation(models.Model):
    """What one visitor has asked until they began anew."""

    id: models.UUIDField[uuid.UUID, uuid.UUID] = models.UUIDField(
        primary_key=True, default=uuid.uuid4, editable=False
    )
    started: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The latest first."""

        ordering = ("-started",)

    def __str__(self) -> str:
        return f"{str(self.id)[:8]}, {self.started:%Y-%m-%d %H:%M}"


class Turn(models.Model):
    """What one side has said."""

    class Who(models.TextChoices):
        """Whose words they are."""

        USER = "user"
        ASSISTANT = "assistant"

    class State(models.TextChoices):
        """How far it has come."""

        RUNNING = "running"  # and for ever so, if the server was killed
        DONE = "done"
        LEFT = "left"  # the visitor, before the end
        FAILED = "failed"

    conversation: models.ForeignKey[Conversation, Conversation] = models.ForeignKey(
        Conversation, models.CASCADE, related_name="turns"
    )
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(auto_now_add=True)
    who: models.CharField[str, str] = models.CharField(max_length=10, choices=Who.choices)
    state: models.CharField[str, str] = models.CharField(
        max_length=10, choices=State.choices, default=State.RUNNING
    )
    text: models.TextField[str, str] = models.TextField(blank=True)
    sound = models.FileField(blank=True, upload_to="%Y/%m/%d")
    seconds: models.FloatField[float | None, float | None] = models.FloatField(
        null=True, blank=True, help_text="of the sound"
    )
    input_tokens: models.PositiveIntegerField[int | None, int | None] = models.PositiveIntegerField(
        null=True, blank=True
    )
    output_tokens: models.PositiveIntegerField[int | None, int | None] = (
        models.PositiveIntegerField(null=True, blank=True)
    )
    error: models.TextField[str, str] = models.TextField(
        blank=True, help_text="what the visitor was told"
    )
    detail: models.TextField[str, str] = models.TextField(blank=True, help_text="what was raised")

    @property
    def is_lost(self) -> bool:
        """Whether it runs for longer than an answer may take: its server was killed."""
        age = timezone.now() - self.at
        return (
            self.state == self.State.RUNNING and age.total_seconds() > settings.DESK_ANSWER_S + 30
        )

    class Meta:
        """In the order in which they were said."""

        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.who}: {self.text[:60]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save it, with words that a database takes, whatever the provider has sent."""
        self.text, self.error, self.detail = map(_storable, (self.text, self.error, self.detail))
        super().save(*args, **kwargs)


def _storable(words: str) -> str:
    """Return words without NUL, which PostgreSQL refuses, and half surrogate pairs, as both do.

    The halves of a letter that came in two pieces are joined.
    """
    whole = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")
