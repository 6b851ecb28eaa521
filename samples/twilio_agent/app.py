"""The bridge, for a server: ``gunicorn … samples.twilio_agent.app:app``."""

from __future__ import annotations

import logging

from realtime_sync.wsgi import WebSocketLimit

from .agents import provider
from .routes import create_app
from .settings import Settings

__all__ = ["app"]

logging.basicConfig(level=logging.INFO)
settings = Settings.from_environment()
limit = WebSocketLimit(settings.max_calls)
limit.drain_at_sigterm(settings.drain_s)
app = create_app(settings, provider=provider(), limit=limit)
