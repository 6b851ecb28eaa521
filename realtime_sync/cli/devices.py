"""``realtime-sync devices``: which microphones and speakers there are, and whether they work."""

from __future__ import annotations

import json
from itertools import islice

import attrs
import click
import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ..audio import Device, Microphone, Speaker, level_dbfs
from ..audio import devices as list_devices
from ..errors import DeviceError
from ._console import open_console
from ._meter import meter

__all__ = ["devices"]

_TONE_HZ = 440
_TONE_S = 1
_TONE_PEAK = 8000  # -12 dBFS: loud enough to be heard, not to be frightened
_FADE_S = 0.02  # a tone that begins at once clicks
_DRAIN_S = 30.0
_CHUNKS_PER_S = 50


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.option("--tone", is_flag=True, help="Play a test tone.")
@click.option(
    "--meter",
    "seconds",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help="Show the microphone's level for so long.",
)
@click.option("--device", help="Index, name or part of a name, for --tone and --meter.")
def devices(as_json: bool, tone: bool, seconds: int | None, device: str | None) -> None:
    """List microphones and speakers; with --tone and --meter, try one of them."""
    if as_json and (tone or seconds):
        raise click.UsageError("--json prints the list; leave out --tone and --meter")
    if device is not None and not (tone or seconds):
        raise click.UsageError("--device is for --tone and --meter; give one of them")
    console = open_console()
    wanted = int(device) if device is not None and device.isdecimal() else device
    if tone:
        _play_tone(wanted)
        console.print(f"played {_TONE_HZ} Hz for {_TONE_S} s")
    if seconds:
        _show_level(console, wanted, seconds)
    if tone or seconds:
        return
    found = list_devices()
    if as_json:
        click.echo(json.dumps([attrs.asdict(each) for each in found], indent=2))
    elif found:
        console.print(_table(found))
    else:
        console.print("no sound devices; realtime-sync doctor looks why")


def _table(found: list[Device]) -> Table:
    table = Table("index", "name", "system", "records", "plays", "rate", "default for")
    for each in found:
        uses = {"recording": each.default_input, "playing": each.default_output}
        table.add_row(
            str(each.index),
            each.name,
            each.host_api,
            _channels(each.input_channels),
            _channels(each.output_channels),
            f"{each.rate} Hz",
            ", ".join(use for use, default in uses.items() if default),
        )
    return table


def _channels(count: int) -> str:
    return f"{count} ch" if count else "-"


def _play_tone(device: int | str | None) -> None:
    with Speaker(device=device) as speaker:
        turns = np.arange(speaker.rate * _TONE_S) / speaker.rate
        edge = np.minimum(turns, turns[::-1]) / _FADE_S
        wave = np.sin(2 * np.pi * _TONE_HZ * turns) * np.minimum(edge, 1) * _TONE_PEAK
        speaker.write(np.rint(wave).astype(np.int16))
        if not speaker.drain(_DRAIN_S):
            raise DeviceError(f"the tone was not played within {_DRAIN_S:g} s; try another device")


def _show_level(console: Console, device: int | str | None, seconds: int) -> None:
    with (
        Microphone(device=device) as microphone,
        Live(console=console, auto_refresh=False, transient=True) as live,
    ):
        chunks = iter(microphone)
        for _ in range(seconds):
            sound = b""
            for chunk in islice(chunks, _CHUNKS_PER_S):
                sound += chunk
                if console.is_terminal:
                    live.update(meter(microphone.level_dbfs), refresh=True)
            console.print(meter(level_dbfs(sound)))
