"""What moved to `realtime_sync.clients`; programs may go on importing it from here."""

from __future__ import annotations

from .clients.local import Local
from .clients.openai import OpenAI

__all__ = ["Local", "OpenAI"]
