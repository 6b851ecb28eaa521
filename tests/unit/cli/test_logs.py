"""Warnings stand among the lines, and nothing is said twice."""

from __future__ import annotations

import logging

from realtime_sync.cli._logs import logs_to


def test_warnings_become_notes_but_for_what_the_screen_shows() -> None:
    notes: list[str] = []
    player = logging.getLogger("realtime_sync.voice.player")
    with logs_to(notes.append):
        player.warning("the sink's %s has not returned", "write")
        player.info("nobody needs this")
        logging.getLogger("realtime_sync.voice.engine").warning("TurnLost(item_id=None)")
        logging.getLogger("realtime_sync.tools.pool").warning("tool 'x' failed")
    player.warning("after the talk")
    assert notes == ["the sink's write has not returned"]
