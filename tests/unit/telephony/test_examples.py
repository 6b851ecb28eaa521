"""The examples in the docstrings run, and the pages tell of every name, counter and option."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import attrs
import pytest

from realtime_sync import telephony

HOMES = [
    f"{telephony.__name__}.{module.name}" for module in pkgutil.iter_modules(telephony.__path__)
]
PAGES = sorted((Path(__file__).parents[3] / "docs").glob("telephony*.md"))


@pytest.mark.parametrize("name", HOMES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def missing_from(page: str) -> set[str]:
    counters = {field.name for field in attrs.fields(telephony.CallStats)}
    kinds = (
        telephony.MediaStreams,
        telephony.AudioSocket,
        telephony.AudioSocketServer,
        telephony.SipCalls,
    )
    options = {name for kind in kinds for name in inspect.signature(kind).parameters}
    options -= {"socket", "handler", "clock"}
    values = (telephony.StreamStart, telephony.TwilioCall, telephony.SignedRequest)
    fields = {field.name for value in values for field in attrs.fields(value)}
    names = {*telephony.__all__, *counters, *options, *fields}
    return {name for name in names if not re.search(rf"\b{name}\b", page)}


def test_the_pages_tell_of_every_name_counter_and_option() -> None:
    page = "\n".join(each.read_text(encoding="utf-8") for each in PAGES)
    assert missing_from(page) == set()
    assert missing_from(page.replace("lost_ms", "").replace("`lead_ms`", "")) == {
        "lost_ms",
        "lead_ms",
    }
