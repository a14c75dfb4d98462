"""Options that several commands share, declared once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from vidsearch.errors import QueryError
from vidsearch.paths import given_path
from vidsearch.store.postgres.address import fit_for_a_path
from vidsearch.times import parse_time


def time(text: str | float) -> float:
    """A time or a length as people write it: 83.5, 1:23.5 or 1m23.5s. A default is one already."""
    if isinstance(text, float):
        return text
    try:
        return parse_time(text)
    except QueryError as error:
        raise typer.BadParameter(str(error)) from error


def time_above_zero(text: str | float) -> float:
    """A length of time that is not nothing."""
    seconds = time(text)
    if not seconds > 0:
        raise typer.BadParameter(f"{text} is no time to wait for: give more than 0.")
    return seconds


def day(text: str | datetime) -> datetime:
    """A day as people write it for programs: 2026-08-14."""
    if isinstance(text, datetime):
        return text
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d")
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day. Write it as in 2026-08-14.") from error


def library_path(text: str | Path) -> Path:
    """A library's folder or address, as it was typed."""
    return Path(fit_for_a_path(str(text)))


def path_or_address(text: str) -> Path:
    """What a person names: a path, or an address such as s3://bucket/film.mp4."""
    try:
        return given_path(text)
    except QueryError as error:
        raise typer.BadParameter(str(error)) from error


LIBRARY_HELP = "Folder that holds the library, or postgresql://HOST/DATABASE."
LIBRARY_PANEL = "Library"
MODEL_PANEL = "Models"
SPEECH_PANEL = "Speech"
OUTPUT_PANEL = "Output"
SERVER_PANEL = "Server"
SAMPLING_PANEL = "Which frames"
FILTER_PANEL = "Filters"

LibraryPath = Annotated[
    Path,
    typer.Option(
        "--library",
        envvar="VIDSEARCH_LIBRARY",
        help=LIBRARY_HELP,
        metavar="FOLDER",
        parser=library_path,
        rich_help_panel=LIBRARY_PANEL,
    ),
]
DEFAULT_LIBRARY = Path("index")

ONE_VIDEO = "Path, name, unique part of it, glob or #id."
SEVERAL_VIDEOS = "Path, name, part of it, glob, #id or folder; all that fit. Or all."
"""Help for arguments that name videos; `vidsearch.store.naming` says what fits."""

NumHits = Annotated[
    int, typer.Option("--limit", "-n", "--top", "-k", min=1, max=1_000_000, help="How many moments.")
]
OnlyVideos = Annotated[
    str | None,
    typer.Option(
        "--video",
        metavar="NAME",
        help="Only these videos: path, name, part of it, glob, #id or folder.",
        rich_help_panel=FILTER_PANEL,
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.", rich_help_panel=OUTPUT_PANEL)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=OUTPUT_PANEL)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress on stderr.", rich_help_panel=OUTPUT_PANEL)
]

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=MODEL_PANEL)]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.", rich_help_panel=MODEL_PANEL)]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1, help="Images per model call [default: fitted to the device].", rich_help_panel=MODEL_PANEL
    ),
]
Models = Annotated[
    str | None,
    typer.Option(
        help="auto, mini, clip, blip, a Hugging Face id, or a folder. [default: the library's, else auto]",
        rich_help_panel=MODEL_PANEL,
    ),
]
NumBeams = Annotated[
    int | None,
    typer.Option(
        min=1, help="Beams for captions; 1 is greedy. [default: the model's own]", rich_help_panel=MODEL_PANEL
    ),
]
Prompt = Annotated[
    str | None, typer.Option(help="Start every caption with these words.", rich_help_panel=MODEL_PANEL)
]

FPS_HELP = "Frames looked at per second of video."
Fps = Annotated[float, typer.Option("--fps", min=0.001, help=FPS_HELP, rich_help_panel=SAMPLING_PANEL)]
MaxFrames = Annotated[
    int | None,
    typer.Option(min=1, help="At most this many, spread evenly.", rich_help_panel=SAMPLING_PANEL),
]
Start = Annotated[
    float | None,
    typer.Option(
        parser=time, metavar="TIME", help="From this time: 83.5 or 1:23.5.", rich_help_panel=SAMPLING_PANEL
    ),
]
End = Annotated[
    float | None,
    typer.Option(parser=time, metavar="TIME", help="Up to this time.", rich_help_panel=SAMPLING_PANEL),
]
After = Annotated[
    float | None,
    typer.Option(
        parser=time,
        metavar="TIME",
        help="Moments at this time of their video or later.",
        rich_help_panel=FILTER_PANEL,
    ),
]
Before = Annotated[
    float | None,
    typer.Option(
        parser=time,
        metavar="TIME",
        help="Moments before this time of their video.",
        rich_help_panel=FILTER_PANEL,
    ),
]
RecordedAfter = Annotated[
    datetime | None,
    typer.Option(
        parser=day,
        metavar="DAY",
        rich_help_panel=FILTER_PANEL,
        help="Recorded on this day or later, by the clock where it was recorded: 2026-08-14.",
    ),
]
RecordedBefore = Annotated[
    datetime | None,
    typer.Option(
        parser=day,
        metavar="DAY",
        rich_help_panel=FILTER_PANEL,
        help="Recorded before this day. Files that say UTC only: by this machine's TZ.",
    ),
]

Speech = Annotated[
    bool | None,
    typer.Option(
        "--speech/--no-speech",
        help="Write down what is said (extra: speech). "
        "[default: in a new library, and with --models auto, where Whisper is on this machine]",
        show_default=False,
        rich_help_panel=SPEECH_PANEL,
    ),
]
SpeechModel = Annotated[
    str,
    typer.Option(
        help="whisper, whisper-tiny, whisper-base, whisper-turbo, a hub id or a folder.",
        rich_help_panel=SPEECH_PANEL,
    ),
]
Language = Annotated[
    str,
    typer.Option(
        help="The language that is spoken: en, de ...; auto hears which.",
        rich_help_panel=SPEECH_PANEL,
    ),
]
AudioTrack = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Listen to a file's Nth sound track. [default: the one that a player takes]",
        show_default=False,
        rich_help_panel=SPEECH_PANEL,
    ),
]

Host = Annotated[str, typer.Option(help="Address to listen on.", rich_help_panel=SERVER_PANEL)]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.", rich_help_panel=SERVER_PANEL)]
