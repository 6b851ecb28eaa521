"""What a session has used so far, in tokens."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Usage"]


@dataclass
class Usage:
    """Tokens of the responses of a session, as the server counts them.

    Attributes:
        requests: responses that said what they used.
        input_tokens: what the model has read.
        output_tokens: what it has written and said.
        total_tokens: both.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
