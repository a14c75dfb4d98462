"""Options that several commands share, declared once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

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


def in_panel(title: str) -> Callable[..., Any]:
    """`typer.Option` for the options that `--help` lists under a title."""
    return partial(typer.Option, rich_help_panel=title)


LIBRARY_HELP = "Folder that holds the library, or postgresql://HOST/DATABASE."
library_option = in_panel("Library")
model_option = in_panel("Models")
speech_option = in_panel("Speech")
output_option = in_panel("Output")
server_option = in_panel("Server")
sampling_option = in_panel("Which frames")
filter_option = in_panel("Filters")

LibraryPath = Annotated[
    Path,
    library_option(
        "--library", envvar="VIDSEARCH_LIBRARY", help=LIBRARY_HELP, metavar="FOLDER", parser=library_path
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
    filter_option(
        "--video", metavar="NAME", help="Only these videos: path, name, part of it, glob, #id or folder."
    ),
]

AsJson = Annotated[bool, output_option("--json", help="Print JSON to stdout.")]
Overwrite = Annotated[bool, output_option("--overwrite", help="Replace files that exist.")]
Quiet = Annotated[bool, output_option("--quiet", "-q", help="No progress on stderr.")]

Device = Annotated[str, model_option(help="auto, cpu, cuda, cuda:1 or mps.")]
Precision = Annotated[str, model_option(help="auto, fp32, bf16 or fp16.")]
BatchSize = Annotated[
    int | None, model_option(min=1, help="Images per model call [default: fitted to the device].")
]
Models = Annotated[
    str | None,
    model_option(
        help="auto, mini, clip, blip, a Hugging Face id, or a folder. [default: the library's, else auto]"
    ),
]
NumBeams = Annotated[
    int | None, model_option(min=1, help="Beams for captions; 1 is greedy. [default: the model's own]")
]
Prompt = Annotated[str | None, model_option(help="Start every caption with these words.")]

FPS_HELP = "Frames looked at per second of video."
Fps = Annotated[float, sampling_option("--fps", min=0.001, help=FPS_HELP)]
MaxFrames = Annotated[int | None, sampling_option(min=1, help="At most this many, spread evenly.")]
Start = Annotated[
    float | None, sampling_option(parser=time, metavar="TIME", help="From this time: 83.5 or 1:23.5.")
]
End = Annotated[float | None, sampling_option(parser=time, metavar="TIME", help="Up to this time.")]
After = Annotated[
    float | None,
    filter_option(parser=time, metavar="TIME", help="Moments at this time of their video or later."),
]
Before = Annotated[
    float | None, filter_option(parser=time, metavar="TIME", help="Moments before this time of their video.")
]
RecordedAfter = Annotated[
    datetime | None,
    filter_option(
        parser=day,
        metavar="DAY",
        help="Recorded on this day or later, by the clock where it was recorded: 2026-08-14.",
    ),
]
RecordedBefore = Annotated[
    datetime | None,
    filter_option(
        parser=day,
        metavar="DAY",
        help="Recorded before this day. Files that say UTC only: by this machine's TZ.",
    ),
]

Speech = Annotated[
    bool | None,
    speech_option(
        "--speech/--no-speech",
        help="Write down what is said (extra: speech). "
        "[default: in a new library, and with --models auto, where Whisper is on this machine]",
        show_default=False,
    ),
]
SpeechModel = Annotated[
    str, speech_option(help="whisper, whisper-tiny, whisper-base, whisper-turbo, a hub id or a folder.")
]
Language = Annotated[str, speech_option(help="The language that is spoken: en, de ...; auto hears which.")]
AudioTrack = Annotated[
    int | None,
    speech_option(
        min=1,
        metavar="N",
        help="Listen to a file's Nth sound track. [default: the one that a player takes]",
        show_default=False,
    ),
]

Host = Annotated[str, server_option(help="Address to listen on.")]
Port = Annotated[int, server_option(min=1, max=65535, help="Port to listen on.")]
