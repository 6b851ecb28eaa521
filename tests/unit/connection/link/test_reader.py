"""What the reader makes of a message in a dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync.connection.link.reader import parse_all
from realtime_sync.providers import BetaDialect, Dialect, YandexDialect


@pytest.mark.parametrize("dialect", [BetaDialect(), YandexDialect()])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("session.created", {"session": "x"}),
        ("session.updated", {"session": {"audio": "x"}}),
        ("response.created", {"response": 5}),
        ("response.done", {"response": ["x"]}),
        ("response.output_item.done", {"item": "x"}),
        ("conversation.item.created", {"item": "x"}),
    ],
)
def test_an_event_of_an_unexpected_form_comes_as_it_is(
    dialect: Dialect, kind: str, fields: dict[str, Any]
) -> None:
    (event,) = parse_all(json.dumps({"type": kind, **fields}), dialect)
    assert event.to_dict() == {"type": kind, **fields}
