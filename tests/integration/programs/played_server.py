"""The embedded server, for whose workers 5 s pass at each SIGUSR1, and no time else."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "support"))

from seconds import Seconds

from realtime_sync.local import __main__
from realtime_sync.local.speech import _process

clock = Seconds()


async def sleep(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: asyncio.ensure_future(clock.go(5)))
    await clock.sleep(seconds)


_process._sleep = sleep
sys.exit(__main__.main())
