"""`vidsearch list`, `info`, `remove` and `verify`: what a library holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidsearch.cli import console, loading, options
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
    video: Annotated[
        str | None,
        typer.Option(
            "--video",
            metavar="GLOB",
            help="Only videos whose path or name fits.",
            rich_help_panel=options.FILTER_PANEL,
        ),
    ] = None,
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
    with loading.open_library(library) as opened:
        if failed:
            _print_failures(opened.failures(), as_json=as_json)
        else:
            _print_videos(opened.videos(video), as_json=as_json)


def _print_failures(failures: list[Failure], *, as_json: bool) -> None:
    if as_json:
        console.say_json(
            [
                {
                    "path": str(f.path),
                    "error": f.error,
                    "reason": f.reason,
                    "failed_at": f.failed_at.isoformat(),
                }
                for f in failures
            ]
        )
        return
    if not failures:
        console.note("No file has failed.")
    for failure in failures:
        console.say(console.printable(failure.path), bold=True)
        console.say(f"  {failure.failed_at:%Y-%m-%d %H:%M}  {console.printable(failure.reason)}")
    if failures:
        console.note("Try them again with: vidsearch index --retry-failed PATH...")


def _print_videos(videos: list[Video], *, as_json: bool) -> None:
    if as_json:
        console.say_json([video_as_dict(video) for video in videos])
        return
    if not videos:
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


def video_as_dict(video: Video) -> dict[str, Any]:
    """A video for JSON."""
    info = video.info
    return {
        "id": video.id,
        "path": str(video.path),
        "paths": [str(path) for path in video.paths],
        "content_hash": video.content_hash,
        "duration_seconds": info.duration_seconds,
        "width": info.width,
        "height": info.height,
        "rotation_degrees": info.rotation_degrees,
        "frame_rate": info.frame_rate,
        "codec": info.codec,
        "container": info.container,
        "num_audio_tracks": info.num_audio_tracks,
        "created_at": info.created_at.isoformat() if info.created_at else None,
        "size_bytes": info.size_bytes,
        "num_frames": video.num_frames,
        "is_complete": video.is_complete,
        "indexed_until_seconds": video.indexed_until_seconds,
        "indexed_at": video.indexed_at.isoformat(),
    }


def info(library: options.LibraryPath = options.DEFAULT_LIBRARY, as_json: options.AsJson = False) -> None:
    """Say what a library holds, which models made it, and how large it is.

    Example: `vidsearch info --library ~/library`
    """
    with loading.open_library(library) as opened:
        facts = opened.info()
    models = loading.describe(facts.models) if facts.models else None
    if as_json:
        console.say_json(
            {
                **asdict(facts),
                "path": str(facts.path),
                "models": asdict(facts.models) if facts.models else None,
                "spaces": [asdict(space) for space in facts.spaces],
            }
        )
        return
    unfinished = facts.num_videos - facts.num_complete
    console.say_table(
        (
            ("videos", f"{facts.num_videos:,}" + (f" ({unfinished:,} unfinished)" if unfinished else "")),
            ("length", format_duration(facts.duration_seconds)),
            ("frames", f"{facts.num_frames:,}"),
            ("captions", f"{facts.num_captions:,}"),
            ("failed files", f"{facts.num_failures:,}"),
            ("models", models or "none yet"),
            *(("space", f"{space.model}, {space.dim} dimensions") for space in facts.spaces),
            ("on disk", f"{facts.size_bytes / 1e6:,.1f} MB, format {facts.format_version}"),
        ),
        header=("library", str(facts.path)),
    )


def remove(
    video: Annotated[str, typer.Argument(help="Path, file name, a unique part of it, or #id.")],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
) -> None:
    """Take a video out of a library. The file itself is left alone.

    Examples:

    - `vidsearch remove holiday.mp4`

    - `vidsearch remove "#12"`
    """
    with loading.open_library(library) as opened:
        found = opened.video(video)
        opened.remove(found.id)
        opened.refresh_vectors()
    console.note(
        f"Removed {console.printable(found.path)} ({found.num_frames} frames). The file is untouched."
    )


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
    with loading.open_library(library) as opened:
        problems = opened.verify(repair=repair)
    if as_json:
        console.say_json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            mended = f" ({problem.repaired})" if problem.repaired else ""
            console.say(f"{problem.kind}: {console.printable(problem.what)}{mended}")
        if not problems:
            console.note("The library is sound.")
    if any(problem.repaired is None for problem in problems):
        raise typer.Exit(console.EXIT_FAILED)
