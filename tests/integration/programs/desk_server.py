"""The embedded server with a model that says goodbye and calls a tool in one response.

The tool is the session's first, and its first argument the first value that its schema allows.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from realtime_sync.local import __main__, responders
from realtime_sync.local.engines import ResponderEvent, ResponderPrompt, TextDelta, ToolCall
from realtime_sync.local.responders._prompt import last_input, say


class Desk:
    """Says goodbye, and calls the tool."""

    def respond(self, prompt: ResponderPrompt) -> Iterator[ResponderEvent]:
        item = last_input(prompt)
        if not prompt.tools or item is None or item.get("type") == "function_call_output":
            yield from say("One moment, please. I am listening to you.", None)
            return
        tool = prompt.tools[0]
        properties: dict[str, Any] = tool.get("parameters", {}).get("properties", {})
        arguments = {name: each["enum"][0] for name, each in properties.items()}
        yield TextDelta("Goodbye, and thank you for your call.")
        yield ToolCall(tool["name"], json.dumps(arguments))


responders.make_responder = lambda spec: Desk()
sys.exit(__main__.main())
