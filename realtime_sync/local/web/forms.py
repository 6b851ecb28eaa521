"""Multipart forms (RFC 7578): parts that are flat, read in one pass.

The standard library's parser is one of mail: it looks for parts within parts, at a cost that grows
with the square of their depth, and ends in a `RecursionError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from email.utils import collapse_rfc2231_value
from itertools import islice, pairwise
from typing import Final

from ..protocol.wire import fault

__all__ = ["read_form"]

_MAX_PARTS: Final = 16
_MAX_HEADER_CHARS: Final = 1000


def read_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the contents of a form by the names of its parts; of two under one name the last.

    Args:
        content_type: the header, with the boundary.
        body: the whole form.

    Raises:
        ServerError: the boundary is wrong, or there are too many parts.
    """
    boundary = _parameter(content_type, "boundary").encode("latin-1", "replace")
    data = b"\r\n" + body
    # On lines of their own: "--boundary" before each part, "--boundary--" behind the last.
    mark = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    marks = [*islice(mark.finditer(data), _MAX_PARTS + 2)]
    if not boundary or len(marks) < 2:
        raise fault("The form has no parts: its boundary is wrong.", code="invalid_body")
    if len(marks) > _MAX_PARTS + 1:
        raise fault(f"The form has more than {_MAX_PARTS} parts.", code="invalid_body")
    parts = {}
    for before, behind in pairwise(marks):
        if before[1]:
            break
        head, _, content = data[before.end() : behind.start()].partition(b"\r\n\r\n")
        for header in _dispositions(head):
            parts[_parameter(header, "name")] = content
    return parts


def _dispositions(head: bytes) -> Iterator[str]:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            yield value


def _parameter(header: str, name: str) -> str:
    """Return a parameter of a header; "" where there is none."""
    if len(header) > _MAX_HEADER_CHARS:
        return ""
    message = Message()
    message["Content-Type"] = header
    try:
        return collapse_rfc2231_value(message.get_param(name, ""))
    except ValueError:  # name*=undefined''x: Python knows the encoding, and it decodes nothing
        return ""
