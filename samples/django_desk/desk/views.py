"""The page, its two forms, and the sound of what was said."""

from __future__ import annotations

from collections.abc import Generator
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from . import turns
from .forms import QuestionForm, RecordingForm, first_error
from .models import Conversation, Turn
from .ranges import ranged
from .sse import stream
from .turns import Message
from .uploads import TAKEN, TOO_LARGE, too_large

_SESSION = "conversation"  # its id, in the visitor's session: what is said is theirs alone


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Show the conversation, and both forms."""
    return _page(request)


@require_POST
def ask(request: HttpRequest) -> HttpResponseBase:
    """Answer a question in writing."""
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return _refuse(request, first_error(form))
    said = form.cleaned_data
    return _respond(request, turns.answer(_begin(request), text=said["text"], aloud=said["aloud"]))


@require_POST
def recordings(request: HttpRequest) -> HttpResponseBase:
    """Answer a question in a sound file."""
    form = RecordingForm(request.POST, request.FILES)
    if request.META.get(TOO_LARGE):
        return _refuse(request, too_large(), status=413)
    if not form.is_valid():
        return _refuse(request, first_error(form))
    return _respond(request, turns.answer(_begin(request), pcm=form.pcm))


@require_POST
def begin_anew(request: HttpRequest) -> HttpResponse:
    """Forget the conversation; the log keeps it."""
    request.session.pop(_SESSION, None)
    return redirect("desk:page")


@require_safe
@never_cache  # who uses this browser next is another visitor
def sound(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the sound of a turn to whom it belongs, and to whoever may see the log."""
    turn = get_object_or_404(Turn.objects.exclude(sound=""), pk=pk)
    theirs = request.session.get(_SESSION) == str(turn.conversation.pk)
    if not theirs and not _reads_the_log(request):
        raise Http404("no such sound")
    try:
        with turn.sound.open() as file:
            response = ranged(request.headers.get("Range", ""), file.read())
    except FileNotFoundError:
        raise Http404("its file was deleted, or is on another machine") from None
    response["Content-Type"] = "audio/wav"
    how = "attachment" if "download" in request.GET else "inline"
    response["Content-Disposition"] = f'{how}; filename="{turn.who}-{turn.pk}.wav"'
    return response


def _reads_the_log(request: HttpRequest) -> bool:
    user = request.user
    return isinstance(user, User) and user.is_staff and user.has_perm("desk.view_turn")


def _current(request: HttpRequest) -> UUID:
    """Return the id of the visitor's conversation, which is in the log from its first turn on.

    It is known as soon as the page is shown: first questions that several tabs ask at once are
    of one conversation.
    """
    known: str = request.session.setdefault(_SESSION, str(uuid4()))
    return UUID(known)


def _begin(request: HttpRequest) -> Conversation:
    """Return the visitor's conversation; a new one, if it has no turn yet."""
    conversation, _ = Conversation.objects.get_or_create(pk=_current(request))
    return conversation


def _wants_events(request: HttpRequest) -> bool:
    """Whether the page's script asks, and no form of a browser without one."""
    return "text/event-stream" in request.headers.get("Accept", "")


def _respond(request: HttpRequest, messages: Generator[Message]) -> HttpResponseBase:
    if not _wants_events(request):
        for _ in messages:
            pass
        return redirect("desk:page")
    response = StreamingHttpResponse(
        stream(messages, settings.DESK_HEARTBEAT_S), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx hands on each event as it comes
    return response


def _refuse(request: HttpRequest, problem: str, status: int = 400) -> HttpResponse:
    if _wants_events(request):
        return JsonResponse({"error": problem}, status=status)
    return _page(request, problem, status)


def _page(request: HttpRequest, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "turns": Turn.objects.filter(conversation_id=_current(request)),
        "problem": problem,
        "taken": TAKEN,
        "max_bytes": settings.DESK_MAX_BYTES,
        "max_seconds": settings.DESK_MAX_SECONDS,
        "max_letters": settings.DESK_MAX_LETTERS,
        "too_large": too_large(),
    }
    return render(request, "desk/page.html", context, status=status)
