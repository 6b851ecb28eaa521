"""Where each provider's server is and how it wants to be spoken to; no I/O."""

from __future__ import annotations

from .base import Endpoint
from .openai import OpenAIProvider

__all__ = ["Endpoint", "OpenAIProvider"]
