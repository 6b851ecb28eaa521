"""What a program gives to agents, checked at the door; what can't be meant is a `UserError`."""

from __future__ import annotations

from functools import partial

from .. import _required
from ..errors import UserError

__all__ = [
    "require",
    "require_count",
    "require_flag",
    "require_length",
    "require_object",
    "require_text",
    "require_text_values",
    "require_texts",
]

require = partial(_required.require, error=UserError)
require_count = partial(_required.require_count, error=UserError)
require_flag = partial(_required.require_flag, error=UserError)
require_length = partial(_required.require_length, error=UserError)
require_object = partial(_required.require_object, error=UserError)
require_text = partial(_required.require_text, error=UserError)
require_text_values = partial(_required.require_text_values, error=UserError)
require_texts = partial(_required.require_texts, error=UserError)
