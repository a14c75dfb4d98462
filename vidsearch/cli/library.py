"""`vidsearch list`, `info`, `tracks`, `upgrade`, `remove` and `verify`: what a library holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vidsearch.cli import console, options, stopping
from vidsearch.cli.index_options import CaptionEvery
from vidsearch.errors import QueryError
from vidsearch.paths import exists
from vidsearch.times import format_duration

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.service.upgrading import Upgrade
    from vidsearch.tracks import Track
    from vidsearch.types import EmbeddingSpace, Failure, Video


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("list")(list_videos)
    app.command()(info)
    app.command()(tracks)
    app.command()(upgrade)
    app.command()(remove)
    app.command()(verify)


def list_videos(
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    video: options.OnlyVideos = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="List the files that could not be indexed, and why.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the videos in a library.

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
            damaged = frozenset(failure.path for failure in opened.failures())
            _print_videos(opened.videos(video), damaged, as_json=as_json, is_filtered=video is not None)


def _print_failures(failures: list[Failure], *, as_json: bool) -> None:
    if as_json:
        from vidsearch.service.report_schemas import FailureSchema

        console.say_json([FailureSchema.of(failure) for failure in failures])
        return
    if not failures:
        console.note("No file has failed.")
    for failure in failures:
        console.say(str(failure.path), bold=True)
        console.say(f"  {failure.failed_at:%Y-%m-%d %H:%M}  {failure.reason}")
    if failures:
        console.note("Retry them with: vidsearch index --retry-failed PATH...")


def _print_videos(videos: list[Video], damaged: frozenset[Path], *, as_json: bool, is_filtered: bool) -> None:
    """Print videos. `damaged` are the files of which not all could be read."""
    if as_json:
        from vidsearch.service.schemas import VideoSchema

        console.say_json([VideoSchema.of(video) for video in videos])
        return
    if not videos and is_filtered:
        console.note("No video matches. `vidsearch list` shows them all.")
    elif not videos:
        console.note("No videos yet. Add some with: vidsearch index VIDEO_OR_FOLDER...")
    console.say_table(
        (
            (
                f"#{video.id}",
                _length(video),
                video.num_frames,
                f"{video.info.width}x{video.info.height}",
                video.info.codec,
                _state(video, is_damaged=not damaged.isdisjoint(video.paths)),
                video.path,
            )
            for video in videos
        ),
        header=("id", "length", "frames", "size", "codec", "state", "path"),
        right=frozenset({0, 1, 2, 3}),
        optional=(4, 3, 2),
        ends=frozenset({6}),
    )


def _length(video: Video) -> str:
    seconds = video.info.duration_seconds
    return "?" if seconds is None else format_duration(seconds)


def _state(video: Video, *, is_damaged: bool) -> str:
    if not video.is_complete:
        return f"up to {format_duration(video.indexed_until_seconds)}"
    if is_damaged:
        return "damaged"
    return "whole" if exists(video.path) else "file gone"


def info(library: options.LibraryPath = options.DEFAULT_LIBRARY, as_json: options.AsJson = False) -> None:
    """Show what a library holds, its models and its size.

    Example: `vidsearch info --library ~/library`
    """
    from vidsearch import Library
    from vidsearch.service.models import describe_models

    with Library.open(library) as opened:
        facts = opened.info()
    if as_json:
        from vidsearch.service.report_schemas import InfoSchema

        console.say_json(InfoSchema.of(facts))
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
            *(("vectors", _described(space)) for space in facts.spaces),
            ("on disk", f"{facts.size_bytes / 1e6:,.1f} MB, format {facts.format_version}"),
        ),
        header=("library", str(facts.path)),
    )


_OF_KIND = {
    "clip": "motion",
    "sound": "sounds",
    "transcript": "speech",
    "ocr": "screen text",
    "subtitle": "subtitles",
    "chapter": "chapters",
    "caption": "corrections",
}


def _described(space: EmbeddingSpace) -> str:
    return f"{space.model}, {space.dim} dimensions, of {_OF_KIND.get(space.kind, space.kind)}"


def tracks(
    video: Annotated[str, typer.Argument(help=options.ONE_VIDEO)],
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    as_json: options.AsJson = False,
) -> None:
    """Show the tracks of a video: their kind, source, extent and state.

    Example: `vidsearch tracks holiday.mp4`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        found = opened.video(video)
        known = opened.tracks(found)
    if as_json:
        from vidsearch.service.server_schemas import TrackList

        console.say_json(TrackList.of(found, known))
        return
    console.say_table(
        (
            (
                track.id,
                track.kind,
                track.num_segments,
                track.state if track.is_complete else f"{track.state}, unfinished",
                format_duration(track.done_until_seconds),
                track.language or "",
                _made_by(track),
            )
            for track in known
        ),
        header=("track", "kind", "segments", "state", "up to", "language", "made by"),
        right=frozenset({0, 2, 4}),
        optional=(5, 4, 2),
    )


def _made_by(track: Track) -> str:
    producer = track.spec.producer
    return producer if track.name == producer else f"{producer}: {track.name}"


def upgrade(
    models: Annotated[
        str | None,
        options.model_option(
            help="New models: mini, clip, blip, a Hugging Face id or a folder, with commas."
        ),
    ] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what earlier models made. Used alone, after an upgrade.")
    ] = False,
    skip_failed: Annotated[
        bool,
        typer.Option(
            "--skip-failed", help="Switch even if some videos fail; those are then found by words only."
        ),
    ] = False,
    caption_every: CaptionEvery = "novel",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    batch_size: options.BatchSize = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Move a library to other models, in place.

    Searches use the earlier models until the new ones have seen every video. A stopped run continues.

    Examples:

    - `vidsearch upgrade --models clip,blip`

    - `vidsearch upgrade --prune`
    """
    from vidsearch import Library
    from vidsearch.cli import progress

    if models is None and not prune:
        raise typer.BadParameter("Name models, as in --models clip,blip.", param_hint="--models")
    stopping.stop_on_terminate()
    with Library.open(library) as opened:
        if models is None:
            _print_pruned(opened.prune(), as_json=as_json)
            return
        with progress.shown(quiet=quiet) as on_progress:
            done = opened.upgrade(
                models,
                device=device,
                precision=precision,
                batch_size=batch_size,
                caption_every=caption_every,
                skip_failed=skip_failed,
                prune=prune,
                on_progress=on_progress,
            )
    if as_json:
        from vidsearch.service.report_schemas import UpgradeSchema

        console.say_json(UpgradeSchema.of(done))
    else:
        _print_upgrade(done)
    if done.report.interrupted:
        console.note("Stopped. Finished work is kept; run the same command again to continue.")
        raise typer.Exit(console.EXIT_INTERRUPTED)
    if not done.is_switched:
        raise typer.Exit(console.EXIT_FAILED)


def _print_upgrade(done: Upgrade) -> None:
    from vidsearch.cli.index import print_failures
    from vidsearch.service.models import describe_models

    print_failures(done.report)
    if done.is_switched:
        console.say(f"The library now uses {describe_models(done.models)}.")
        console.say(
            f"Removed what the earlier models made: {done.num_pruned:,} rows."
            if done.num_pruned
            else "What the earlier models made is kept; remove it with: vidsearch upgrade --prune"
        )
    elif not done.report.interrupted:
        console.say(
            "The library runs its models as before: put the failed videos right and run this again, "
            "or give --skip-failed."
        )


def _print_pruned(num_rows: int, *, as_json: bool) -> None:
    if as_json:
        from vidsearch.service.report_schemas import PrunedSchema

        console.say_json(PrunedSchema(num_pruned=num_rows))
    else:
        console.say(f"Removed {num_rows:,} rows made by earlier models.")


def remove(
    video: Annotated[str | None, typer.Argument(help=options.SEVERAL_VIDEOS, show_default=False)] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    track: Annotated[
        int | None, typer.Option(metavar="ID", help="Remove one track, by its number in `vidsearch tracks`.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before removing several videos.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Remove videos, or one track, from a library; the video files stay.

    Examples:

    - `vidsearch remove holiday.mp4`

    - `vidsearch remove "2019/*" --yes`

    - `vidsearch remove --track 12`
    """
    from vidsearch import Library

    if (video is None) == (track is None):
        raise typer.BadParameter("Name videos, or give --track.", param_hint="VIDEO")
    with Library.open(library) as opened:
        if track is not None:
            _print_removed_track(opened.remove_track(track), as_json=as_json)
            return
        found = opened.select(video or "")
        if len(found) > 1 and not yes:
            _confirm(found)
        opened.remove(found)
    if as_json:
        from vidsearch.service.schemas import VideoSchema

        console.say_json({"removed": [VideoSchema.of(each) for each in found]})
        return
    for each in found:
        console.note(f"Removed {each.path} ({each.num_frames} frames). The file is untouched.")


def _print_removed_track(track: Track, *, as_json: bool) -> None:
    if as_json:
        from vidsearch.service.report_schemas import TrackSchema

        console.say_json({"removed": [TrackSchema.of(track)]})
        return
    console.note(f"Removed the {track.kind} track {track.id} ({track.num_segments} segments).")


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
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Check a library and its files, and repair it.

    Exits with 1 if anything is wrong.

    Examples:

    - `vidsearch verify`

    - `vidsearch verify --repair`
    """
    from vidsearch import Library

    with Library.open(library) as opened:
        problems = opened.verify(repair=repair)
    if as_json:
        from vidsearch.service.report_schemas import ProblemSchema

        console.say_json([ProblemSchema.of(problem) for problem in problems])
    else:
        for problem in problems:
            mended = f" ({problem.repaired})" if problem.repaired else ""
            console.say(f"{problem.kind}: {problem.what}{mended}")
        if not problems:
            console.note("The library is sound.")
    if any(problem.repaired is None for problem in problems):
        raise typer.Exit(console.EXIT_FAILED)
