"""A program: an MCP server with tools that work, fail, hang and crash.

``mcp_server.py`` speaks on standard input and output, ``mcp_server.py PORT`` over HTTP.
``MARKS`` names a file to which it writes which calls were cancelled.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Image

server = MCPServer("shop")


def mark(text: str) -> None:
    if name := os.environ.get("MARKS"):
        with Path(name).open("a") as marks:
            marks.write(text + "\n")


@server.tool()
def price_of(article: str, count: int = 1) -> str:
    """Tell what an article costs."""
    return f"{count} {article}: {3 * count} euros"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("the shop is closed")


@server.tool()
def picture() -> Image:
    """Show the shop."""
    return Image(data=b"\x89PNG", format="png")


@server.tool()
async def hang() -> str:
    """Return nothing, ever."""
    mark("hang: begun")
    try:
        await anyio.sleep_forever()
    finally:
        mark("hang: cancelled")


@server.tool()
def crash() -> str:
    """End the whole server."""
    os._exit(3)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
