"""The log in the admin: to be searched and read, and not to be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator

from .models import Conversation, Turn

if TYPE_CHECKING:  # at run time these classes take no parameters
    _ConversationAdmin = admin.ModelAdmin[Conversation]
    _TurnAdmin = admin.ModelAdmin[Turn]
    _Inline = admin.TabularInline[Turn, Conversation]
else:
    _ConversationAdmin = _TurnAdmin = admin.ModelAdmin
    _Inline = admin.TabularInline


_SHOWN = ("at", "who", "state", "text", "seconds", "heard", "tokens", "error", "detail")


class ReadOnly:
    """What may be seen only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody writes into a log."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody takes something out of it here."""
        return False


class TurnsAsTheyWere(ReadOnly):
    """What is shown of turns."""

    @admin.display(description="sound")
    def heard(self, turn: Turn) -> str:
        """Play it; the file itself has no address of its own."""
        if not turn.sound:
            return "-"
        address = reverse("desk:sound", args=[turn.pk])
        return format_html('<audio controls preload="none" src="{}"></audio>', address)

    @admin.display(description="tokens in / out")
    def tokens(self, turn: Turn) -> str:
        """Tell what the provider has counted."""
        if turn.input_tokens is None:
            return "-"
        return f"{turn.input_tokens} / {turn.output_tokens}"


class TurnsInline(TurnsAsTheyWere, _Inline):
    """The turns of a conversation."""

    model = Turn
    fields = _SHOWN
    readonly_fields = _SHOWN
    extra = 0


@admin.register(Conversation)
class ConversationAdmin(ReadOnly, _ConversationAdmin):
    """Conversations, found by what was said."""

    list_display = ("question", "started", "turn_count")
    list_filter = ("started", "turns__state")
    search_fields = ("id", "turns__text", "turns__error")
    date_hierarchy = "started"
    inlines = (TurnsInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        """Count along."""
        first = Turn.objects.filter(conversation=OuterRef("pk"), who=Turn.Who.USER)
        conversations: QuerySet[Conversation] = (super().get_queryset(request)).annotate(
            counted_turns=Count("turns", distinct=True),
            first_words=Subquery(first.values("text")[:1]),
        )
        return conversations

    @admin.display(description="first question")
    def question(self, conversation: Any) -> str:
        """Show how it began."""
        return Truncator(conversation.first_words or "-").chars(80)

    @admin.display(description="turns")
    def turn_count(self, conversation: Any) -> int:
        """Tell how much was said."""
        return int(conversation.counted_turns)


@admin.register(Turn)
class TurnAdmin(TurnsAsTheyWere, _TurnAdmin):
    """Everything that was said, one by one."""

    list_display = ("at", "who", "state", "text", "seconds", "tokens", "error")
    list_filter = ("who", "state", "at")
    search_fields = ("text", "error", "detail")
    fields = ("conversation", *_SHOWN)
    readonly_fields = ("conversation", *_SHOWN)
    date_hierarchy = "at"
