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
        raise typer.BadParameter(f"{text} is too short: give more than 0.")
    return seconds


def day(text: str | datetime) -> datetime:
    """A day as people write it for programs: 2026-08-14."""
    if isinstance(text, datetime):
        return text
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d")
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date. Write it as 2026-08-14.") from error


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


LIBRARY_HELP = "The library: a folder, or postgresql://HOST/DATABASE."
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

ONE_VIDEO = "A video: its path, name, a unique part of it, a glob, or #id."
SEVERAL_VIDEOS = "Videos by path, name, part of it, glob, #id or folder; every match counts. Or: all."
"""Help for arguments that name videos; `vidsearch.store.naming` says what fits."""

NumHits = Annotated[
    int, typer.Option("--limit", "-n", "--top", "-k", min=1, max=1_000_000, help="Number of moments to show.")
]
OnlyVideos = Annotated[
    str | None,
    filter_option(
        "--video", metavar="NAME", help="Only these videos, by path, name, part of it, glob, #id or folder."
    ),
]

AsJson = Annotated[bool, output_option("--json", help="Print JSON to stdout.")]
Overwrite = Annotated[bool, output_option("--overwrite", help="Replace existing files.")]
Quiet = Annotated[bool, output_option("--quiet", "-q", help="Hide progress.")]

Device = Annotated[str, model_option(help="Where models run: auto, cpu, cuda, cuda:1 or mps.")]
Precision = Annotated[str, model_option(help="Number format of the models: auto, fp32, bf16 or fp16.")]
BatchSize = Annotated[
    int | None, model_option(min=1, help="Images per model call. [default: chosen for the device]")
]
Models = Annotated[
    str | None,
    model_option(
        help="Models: auto, mini, clip, blip, a Hugging Face id or a folder, with commas. [default: "
        "the library's, else auto]"
    ),
]
NumBeams = Annotated[
    int | None,
    model_option(min=1, help="Beams to search captions with; 1 is greedy. [default: the model's own]"),
]
Prompt = Annotated[str | None, model_option(help="Start every caption with these words.")]

FPS_HELP = "Frames to sample per second of video."
Fps = Annotated[float, sampling_option("--fps", min=0.001, help=FPS_HELP)]
MaxFrames = Annotated[
    int | None, sampling_option(min=1, help="Sample at most this many frames per video, spread evenly.")
]
Start = Annotated[
    float | None,
    sampling_option(parser=time, metavar="TIME", help="Start at this time: 83.5, 1:23.5 or 1m23.5s."),
]
End = Annotated[float | None, sampling_option(parser=time, metavar="TIME", help="Stop at this time.")]
After = Annotated[
    float | None,
    filter_option(parser=time, metavar="TIME", help="Only moments at or after this time in their video."),
]
Before = Annotated[
    float | None,
    filter_option(parser=time, metavar="TIME", help="Only moments before this time in their video."),
]
RecordedAfter = Annotated[
    datetime | None,
    filter_option(
        parser=day,
        metavar="DAY",
        help="Only videos recorded on or after this day (2026-08-14), in the local time of the recording.",
    ),
]
RecordedBefore = Annotated[
    datetime | None,
    filter_option(
        parser=day,
        metavar="DAY",
        help="Only videos recorded before this day. Files that give UTC only are read in this "
        "machine's time zone.",
    ),
]

Speech = Annotated[
    bool | None,
    speech_option(
        "--speech/--no-speech",
        help="Transcribe speech (extra: speech). "
        "[default: on in a new library, and with --models auto, if Whisper is on this machine]",
        show_default=False,
    ),
]
SpeechModel = Annotated[
    str,
    speech_option(
        help="Speech model: whisper, whisper-tiny, whisper-base, whisper-turbo, a Hugging Face id or "
        "a folder."
    ),
]
Language = Annotated[str, speech_option(help="Spoken language: en, de ...; auto detects it.")]
AudioTrack = Annotated[
    int | None,
    speech_option(
        min=1,
        metavar="N",
        help="Use the Nth audio track. [default: the one a player would play]",
        show_default=False,
    ),
]

Host = Annotated[str, server_option(help="Address to listen on.")]
Port = Annotated[int, server_option(min=1, max=65535, help="Port to listen on.")]
