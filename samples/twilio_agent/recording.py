"""The record of a call: a stereo WAV file, and what was said in a file beside it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal

from realtime_sync.agents import (
    FunctionTool,
    RealtimeAgent,
    RealtimeRunHooks,
    RunContextWrapper,
    ToolContext,
)
from realtime_sync.audio import StereoRecorder
from realtime_sync.audio.base import SinkLike, SourceLike

__all__ = ["Recording"]


class Recording(RealtimeRunHooks[Any]):
    """Records a call; give it to the session as ``hooks``, and talk by its source and sink.

    ``NAME.wav`` has the caller on the left and the agent on the right, as they were heard.
    ``NAME.jsonl`` has a line for each of their turns, each call of a tool, and the end. Both are
    whole at any moment, even if the process is killed.

    Args:
        folder: of both files; it is made where there is none, for this user alone.
        name: of both files.
        rate: of the sound, in Hz.

    Raises:
        AudioError, OSError: a file can't be written.

    Threads: hooks come on one of the session's; all else on the call's.
    """

    def __init__(self, folder: Path, name: str, *, rate: int = 8000) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._began = time.monotonic()
        # Line-buffered, so that what was said is the system's, and outlives this process.
        self._file = (folder / f"{name}.jsonl").open("a", buffering=1, encoding="utf-8")
        try:
            self._recorder = StereoRecorder(folder / f"{name}.wav", rate=rate)
        except BaseException:
            self._file.close()
            raise

    def source(self, source: SourceLike) -> SourceLike:
        """Return ``source``, recorded."""
        return self._recorder.source(source)

    def sink(self, sink: SinkLike) -> SinkLike:
        """Return ``sink``, recorded."""
        return self._recorder.sink(sink)

    def note(self, **fields: Any) -> None:
        """Write a line, with ``at_ms`` since the beginning."""
        at_ms = round((time.monotonic() - self._began) * 1000)
        # One write for each line: lines of two threads are not mixed.
        self._file.write(json.dumps({"at_ms": at_ms, **fields}, ensure_ascii=False) + "\n")

    def on_transcript(
        self,
        context: RunContextWrapper[Any],
        agent: RealtimeAgent[Any],
        role: Literal["user", "assistant"],
        text: str,
    ) -> None:
        """Write down a turn."""
        self.note(who="caller" if role == "user" else "agent", text=text)

    def on_tool_end(
        self,
        context: RunContextWrapper[Any],
        agent: RealtimeAgent[Any],
        tool: FunctionTool,
        result: object,
    ) -> None:
        """Write down what a tool was called with, and what it gave."""
        arguments = context.tool_arguments if isinstance(context, ToolContext) else ""
        self.note(tool=tool.name, arguments=arguments, output=str(result))

    def close(self) -> None:
        """Complete both files."""
        try:
            self._recorder.close()
        finally:
            self._file.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
