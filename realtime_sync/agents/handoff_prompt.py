"""What a model had better know of handoffs."""

from __future__ import annotations

__all__ = ["RECOMMENDED_PROMPT_PREFIX"]

# Words for the instructions of agents that hand over to each other.
RECOMMENDED_PROMPT_PREFIX = """# How you work together
You are one of several agents, each with instructions and tools for its own subject. When another
one suits the user's request better, hand the conversation over: call the function for that, whose
name begins with `transfer_to_`. The next agent knows what was said so far. To the user you are all
one assistant: never mention agents, functions or that you hand over, just go on."""
