"""Requests that no browser sends, and that Django or a database would fall over."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase

_NUL = "\0"


class OnlyReadable:
    """Answers 400 where an error of the server's would be raised, and written into its log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Hand on what can be read."""
        if not _is_utf_8(request):
            return HttpResponseBadRequest("Forms are read in UTF-8 alone.")
        if _has_nul(request):
            return HttpResponseBadRequest("A parameter or a cookie has a NUL in it.")
        return self._get_response(request)


def _is_utf_8(request: HttpRequest) -> bool:
    """Whether its form is in UTF-8: Django raises where another charset was named."""
    return (request.encoding or "utf-8").lower() == "utf-8"


def _has_nul(request: HttpRequest) -> bool:
    """Whether it asks for something with a NUL, which PostgreSQL refuses; forms look themselves."""
    asked = (value for values in request.GET.lists() for value in values[1])
    return any(_NUL in value for value in (*asked, *request.COOKIES.values()))
