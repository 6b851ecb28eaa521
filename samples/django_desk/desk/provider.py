"""Whom the desk asks: OpenAI with OPENAI_API_KEY, the embedded server without."""

from __future__ import annotations

import functools
import os

from realtime_sync import Local, OpenAI


@functools.cache
def client() -> OpenAI | Local:
    """Return the client of this process, which holds settings and no connection.

    It is made by the first request. So each forked worker has its own, and without a key an
    embedded server of its own, which ends with it.
    """
    return OpenAI() if os.environ.get("OPENAI_API_KEY") else Local()
