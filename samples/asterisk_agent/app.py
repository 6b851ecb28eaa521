"""An agent that answers the calls of an Asterisk: ``python -m samples.asterisk_agent.app``."""

from __future__ import annotations

import argparse
import logging
import queue
import signal
from contextlib import suppress

from realtime_sync import ConnectionClosed, Local, OpenAI
from realtime_sync.agents import RealtimeRunner, RealtimeSession
from realtime_sync.telephony import AudioSocket, AudioSocketServer, Goodbye

from .agents import AGENT, CONFIG, GREETING, provider

log = logging.getLogger("asterisk_agent")

_MOST_DRAIN_S = 86_400


class Desk:
    """Answers calls, each on a thread of its own.

    Args:
        client: whose model talks.
    """

    def __init__(self, client: OpenAI | Local) -> None:
        self._client = client

    def answer(self, call: AudioSocket) -> None:
        """Hold a call; the server hangs up when this returns."""
        log.info("call %s", call.uuid)
        runner = RealtimeRunner(AGENT, client=self._client, config=CONFIG)
        with runner.run(audio=(call.source, call.sink)) as session:
            call.on_digit(lambda digit: tell(session, digit))
            session.say(GREETING)
            goodbye = Goodbye()
            for event in session:
                if goodbye.take(event) and goodbye.wait_heard(session, call.sink):
                    break
        log.info("call %s ended by %s", call.uuid, call.ended_by or "the agent")


def tell(session: RealtimeSession[None], digit: str) -> None:
    """Tell the agent of a key."""
    with suppress(ConnectionClosed):  # the talk is over, the call not yet
        session.send_message(f"The caller pressed {digit}.")


def main() -> None:
    """Answer calls until SIGTERM or Ctrl-C; those that run then may end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where Asterisk reaches it")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--max-calls", type=int, default=20, help="one more is hung up")
    parser.add_argument("--drain", type=float, default=30, help="seconds for calls to end")
    options = parser.parse_args()
    if not 0 <= options.drain <= _MOST_DRAIN_S:
        parser.error(f"--drain is {options.drain:g}; give seconds, 0 to {_MOST_DRAIN_S}")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    ending: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: ending.put(number))
    with (
        provider() as client,
        AudioSocketServer(
            Desk(client).answer,
            host=options.host,
            port=options.port,
            max_calls=options.max_calls,
        ) as server,
    ):
        log.info("listening at %s:%d", options.host, server.port)
        ending.get()
        log.info("ending: %d calls may end within %g s", server.calls, options.drain)
        if not server.drain(options.drain):
            log.warning("%d calls are hung up", server.calls)


if __name__ == "__main__":
    main()
