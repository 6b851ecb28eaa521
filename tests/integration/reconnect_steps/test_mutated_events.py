"""Bad events while a link is made anew: the reconnection and the restart succeed all the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from mutations import TYPES, mutations
from scripted_links import AT_ONCE, GUARD_S, Running, ScriptedLink, ScriptedLinks

from realtime_sync import RemoteProtocolError

# A complaint that names nothing is taken for the answer to the request under way.
RESTORABLE = [each for each in TYPES if each not in ("error", "session.created")]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def send_all(link: ScriptedLink, messages: list[str]) -> None:
    for message in messages:
        link.peer.send(message)


@pytest.mark.parametrize("restarting", [False, True], ids=["lost", "restart"])
@pytest.mark.parametrize("type", RESTORABLE)
def test_the_session_comes_back(links: ScriptedLinks, type: str, restarting: bool) -> None:
    bad = [text for _, text in mutations(type)[::9]]
    connection, link = links.connect(reconnect=AT_ONCE)
    if restarting:
        running = Running(lambda: connection.session.restart(keep_history=False))
    else:
        link.peer.drop()
    link = links.next()
    send_all(link, bad)
    link.greet()
    link.receive("session.update")
    send_all(link, bad)
    link.send("session.updated", session={})
    send_all(link, bad)
    link.send("new.good")
    while True:
        try:
            if connection.recv(GUARD_S).type == "new.good":
                break
        except RemoteProtocolError:
            continue
    if restarting:
        assert running.result() is None
