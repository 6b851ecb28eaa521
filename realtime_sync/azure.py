"""What moved to `realtime_sync.clients`; programs may go on importing it from here."""

from __future__ import annotations

from .clients.azure import AzureOpenAI

__all__ = ["AzureOpenAI"]
