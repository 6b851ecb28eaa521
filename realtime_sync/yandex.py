"""What moved to `realtime_sync.clients`; programs may go on importing it from here."""

from __future__ import annotations

from .clients.yandex import YandexAIStudio, file_search, web_search

__all__ = ["YandexAIStudio", "file_search", "web_search"]
