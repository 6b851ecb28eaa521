"""``realtime-sync serve``, which at its end waits for its clients as long as they like."""

from __future__ import annotations

from realtime_sync.cli import main
from realtime_sync.local.web import uvicorn_server

uvicorn_server._GRACE_S = 1000.0
main()
