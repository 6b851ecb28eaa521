"""A fork beside a voice loop: the child's copy of it is dead, and the parent's goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from realtime_sync import ConcurrencyError
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    spoken_answer,
)
from realtime_sync.voice import VoiceLoop


def in_the_child(loop: VoiceLoop) -> None:
    """Try everything: nothing may wait for a thread that is not there."""
    calls: list[Callable[[], object]] = [
        loop.interrupt,
        loop.press,
        loop.release,
        loop.respond,
        lambda: loop.say("Hello!"),
    ]
    for call in calls:
        try:
            call()
        except ConcurrencyError:
            continue
        raise AssertionError("a forked child can use its parent's loop")
    loop.close()


by_hand = {"audio": {"input": {"turn_detection": None}}}
server = ScriptedServer([spoken_answer("Good morning.")], session=by_hand)
with ScriptedClient(server).realtime.connect() as connection:
    source, heard = MemorySource(), threading.Event()
    loop = VoiceLoop(
        connection,
        source,
        MemorySink(),
        push_to_talk=True,
        on_event=lambda event: heard.set() if event.type == "voice.turn_metrics" else None,
    )
    running = threading.Thread(target=loop.run)
    running.start()
    child = os.fork()
    if not child:
        in_the_child(loop)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    loop.respond()
    assert heard.wait(30)
    loop.close()
    running.join()
server.assert_complete()
print("the parent goes on")
