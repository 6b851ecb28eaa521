"""A program: uses its parent's connection in a forked child. Argument: the server's base URL."""

from __future__ import annotations

import gc
import os
import sys
import threading

import pytest

from realtime_sync import ConcurrencyError, OpenAI

client = OpenAI(api_key="sk-test", base_url=sys.argv[1], proxy="")
with client.realtime.connect(model="m") as connection:
    # It waits with the consumer's role in hand at the moment of the fork.
    consumer = threading.Thread(target=lambda: list(connection))
    consumer.start()
    watcher = threading.Thread(target=lambda: connection.wait_for("session.created"))
    watcher.start()
    child = os.fork()
    if not child:
        for call in (
            connection.recv,
            lambda: connection.recv(timeout=0),
            connection.recv_bytes,
            lambda: list(connection),
            lambda: connection.ask("hello"),
            lambda: list(connection.stream("hello")),
            lambda: connection.wait_for("error"),
            connection.response.create,
            lambda: connection.send_raw("{}"),
            lambda: connection.input_audio_buffer.append(audio=b"\0\0"),
            connection.session.restart,
            connection.close,
        ):
            with pytest.raises(ConcurrencyError, match="belongs to the process that forked"):
                call()
        assert connection.closed
        assert "closed" in repr(connection)
        del call
        gc.collect()
        sys.exit(0)  # leaves the block, which would close the parent's connection
    assert os.waitpid(child, 0)[1] == 0
    connection.send_raw("from the parent")
    watcher.join()
consumer.join()
print("closed by the parent", flush=True)
