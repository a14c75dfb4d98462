"""`vidsearch list`, `info`, `remove` and `verify`: what a library holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options
from vidsearch.errors import QueryError
from vidsearch.times import format_duration

if TYPE_CHECKING:
    from vidsearch.types import Failure, Video


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list")(list_videos)
    app.command()(info)
    app.command()(remove)
    app.command()(verify)


def list_videos(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    video: options.OnlyVideos = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Files that could not be indexed, and why.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the videos of a library.

    Examples:

    - `vidsearch list`

    - `vidsearch list --video "*.mkv" --json`

    - `vidsearch list --failed`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        if failed:
            _print_failures(opened.failures(), as_json=as_json)
        else:
            _print_videos(opened.videos(video), as_json=as_json, is_filtered=video is not None)


def _print_failures(failures: list[Failure], *, as_json: bool) -> None:
    if as_json:
        from vidsearch.service.report_schemas import FailureSchema
        from vidsearch.service.schemas import plain

        console.say_json([plain(FailureSchema.of(failure)) for failure in failures])
        return
    if not failures:
        console.note("No file has failed.")
    for failure in failures:
        console.say(str(failure.path), bold=True)
        console.say(f"  {failure.failed_at:%Y-%m-%d %H:%M}  {failure.reason}")
    if failures:
        console.note("Try them again with: vidsearch index --retry-failed PATH...")


def _print_videos(videos: list[Video], *, as_json: bool, is_filtered: bool) -> None:
    if as_json:
        from vidsearch.service.schemas import VideoSchema, plain

        console.say_json([plain(VideoSchema.of(video)) for video in videos])
        return
    if not videos and is_filtered:
        console.note("No video fits. `vidsearch list` shows all of them.")
    elif not videos:
        console.note("No video here yet. Add some with: vidsearch index VIDEO_OR_FOLDER...")
    console.say_table(
        (
            (
                f"#{video.id}",
                _length(video),
                video.num_frames,
                f"{video.info.width}x{video.info.height}",
                video.info.codec,
                _state(video),
                video.path,
            )
            for video in videos
        ),
        header=("id", "length", "frames", "size", "codec", "state", "path"),
        right=frozenset({0, 1, 2, 3}),
    )


def _length(video: Video) -> str:
    seconds = video.info.duration_seconds
    return "?" if seconds is None else format_duration(seconds)


def _state(video: Video) -> str:
    if not video.is_complete:
        return f"up to {format_duration(video.indexed_until_seconds)}"
    return "whole" if video.path.exists() else "file gone"


def info(library: options.LibraryPath = options.DEFAULT_LIBRARY, as_json: options.AsJson = False) -> None:
    """Say what a library holds, which models made it, and how large it is.

    Example: `vidsearch info --library ~/library`
    """
    from vidsearch import Library
    from vidsearch.service.models import describe_models

    with Library.open(library) as opened:
        facts = opened.info()
    if as_json:
        from vidsearch.service.report_schemas import InfoSchema
        from vidsearch.service.schemas import plain

        console.say_json(plain(InfoSchema.of(facts)))
        return
    unfinished = facts.num_videos - facts.num_complete
    console.say_table(
        (
            ("videos", f"{facts.num_videos:,}" + (f" ({unfinished:,} unfinished)" if unfinished else "")),
            ("length", format_duration(facts.duration_seconds)),
            ("frames", f"{facts.num_frames:,}"),
            ("captions", f"{facts.num_captions:,}"),
            ("failed files", f"{facts.num_failures:,}"),
            ("models", describe_models(facts.models) if facts.models else "none yet"),
            *(("space", f"{space.model}, {space.dim} dimensions") for space in facts.spaces),
            ("on disk", f"{facts.size_bytes / 1e6:,.1f} MB, format {facts.format_version}"),
        ),
        header=("library", str(facts.path)),
    )


def remove(
    video: Annotated[str, typer.Argument(help=options.SEVERAL_VIDEOS)],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove several videos without asking.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Take videos out of a library. The files themselves are left alone.

    Examples:

    - `vidsearch remove holiday.mp4`

    - `vidsearch remove "#12"`

    - `vidsearch remove "2019/*" --yes`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        found = opened.select(video)
        if len(found) > 1 and not yes:
            _confirm(found)
        opened.remove(found)
    if as_json:
        from vidsearch.service.schemas import VideoSchema, plain

        console.say_json({"removed": [plain(VideoSchema.of(each)) for each in found]})
        return
    for each in found:
        console.note(f"Removed {each.path} ({each.num_frames} frames). The file is untouched.")


def _confirm(videos: list[Video]) -> None:
    """Ask whether to remove several videos. Raises QueryError where nobody can be asked."""
    for each in videos:
        console.note(f"  #{each.id} {each.path}")
    if not sys.stdin.isatty():
        raise QueryError(f"That names {len(videos)} videos. Give --yes to remove them all.")
    if not typer.confirm(f"Remove these {len(videos)} videos from the library?", err=True):
        raise typer.Exit(console.EXIT_FAILED)


def verify(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Check a library against itself and against its files. Exits with 1 if anything is wrong.

    Examples:

    - `vidsearch verify`

    - `vidsearch verify --repair`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        problems = opened.verify(repair=repair)
    if as_json:
        from vidsearch.service.report_schemas import ProblemSchema
        from vidsearch.service.schemas import plain

        console.say_json([plain(ProblemSchema.of(problem)) for problem in problems])
    else:
        for problem in problems:
            mended = f" ({problem.repaired})" if problem.repaired else ""
            console.say(f"{problem.kind}: {problem.what}{mended}")
        if not problems:
            console.note("The library is sound.")
    if any(problem.repaired is None for problem in problems):
        raise typer.Exit(console.EXIT_FAILED)
