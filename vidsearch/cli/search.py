"""`vidsearch search`: a description to moments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidsearch.cli import console, loading, options
from vidsearch.errors import ExportError, MediaError
from vidsearch.search.query import FrameReference, Mode, Query, WeightedText
from vidsearch.times import format_duration, format_time
from vidsearch.types import FrameFilter

if TYPE_CHECKING:
    from vidsearch.index.library import Library
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.types import SearchHit

STEP_PANEL = "More than words"
RANK_PANEL = "Ranking"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(search)


def search(
    text: Annotated[str | None, typer.Argument(help="What is to be seen, in your own words.")] = None,
    library: options.LibraryPath = options.DEFAULT_LIBRARY,
    num_hits: Annotated[int, typer.Option("--top", "-k", min=1, help="How many moments.")] = 10,
    mode: Annotated[
        Mode,
        typer.Option(
            help="visual, caption, hybrid, or auto: hybrid where there are captions.",
            rich_help_panel=RANK_PANEL,
        ),
    ] = "auto",
    group: Annotated[
        bool,
        typer.Option(
            "--group/--no-group",
            " /--frames",
            help="Join neighbouring frames into moments.",
            rich_help_panel=RANK_PANEL,
        ),
    ] = True,
    dedupe: Annotated[
        bool,
        typer.Option(
            "--dedupe/--no-dedupe",
            help="Fold near-identical moments of different videos.",
            rich_help_panel=RANK_PANEL,
        ),
    ] = True,
    min_confidence: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Leave out what is less certain.", rich_help_panel=RANK_PANEL),
    ] = None,
    plus: Annotated[
        list[str] | None,
        typer.Option(
            help="More of this; with a weight as in sunset:0.5. Repeatable.", rich_help_panel=STEP_PANEL
        ),
    ] = None,
    minus: Annotated[
        list[str] | None, typer.Option(help="Less of this. Repeatable.", rich_help_panel=STEP_PANEL)
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(help="Moments that look like this picture. Repeatable.", rich_help_panel=STEP_PANEL),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VIDEO@TIME",
            help="Moments that look like this one. Repeatable.",
            rich_help_panel=STEP_PANEL,
        ),
    ] = None,
    then: Annotated[
        list[str] | None,
        typer.Option(
            help="What happens next in the same video. Repeatable, in order.", rich_help_panel=STEP_PANEL
        ),
    ] = None,
    within: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds from one step to the next, at most.", rich_help_panel=STEP_PANEL),
    ] = 30.0,
    more_like: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="A frame id that was right. Repeatable.", rich_help_panel=STEP_PANEL),
    ] = None,
    less_like: Annotated[
        list[int] | None,
        typer.Option(metavar="ID", help="A frame id that was wrong. Repeatable.", rich_help_panel=STEP_PANEL),
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB", help="Only videos whose path or name fits.", rich_help_panel=options.FILTER_PANEL
        ),
    ] = None,
    after: options.After = None,
    before: options.Before = None,
    recorded_after: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], rich_help_panel=options.FILTER_PANEL, help="Recorded on this day or later."
        ),
    ] = None,
    recorded_before: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], rich_help_panel=options.FILTER_PANEL, help="Recorded before this day."
        ),
    ] = None,
    min_duration: Annotated[
        float | None,
        typer.Option(
            min=0.0, rich_help_panel=options.FILTER_PANEL, help="Only videos of this many seconds or more."
        ),
    ] = None,
    max_duration: Annotated[
        float | None,
        typer.Option(
            min=0.0, rich_help_panel=options.FILTER_PANEL, help="Only videos of this many seconds or fewer."
        ),
    ] = None,
    caption_has: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            rich_help_panel=options.FILTER_PANEL,
            help="Only frames whose caption has all of these words.",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write each hit's frame there as a JPEG.",
            rich_help_panel=options.OUTPUT_PANEL,
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Find moments by describing them.

    Examples:

    - `vidsearch search "a dog eating grass"`

    - `vidsearch search "a red car" -k 3 --video "*parking*" --json`

    - `vidsearch search "beach" --plus sunset --minus people`

    - `vidsearch search "a man opens a door" --then "a dog runs out" --within 20`

    - `vidsearch search --like holiday.mp4@12.5 --save hits/`
    """
    query = Query(
        text=text,
        images=tuple(image or ()),
        like=tuple(FrameReference.parse(each) for each in like or ()),
        plus=tuple(WeightedText.parse(each) for each in plus or ()),
        minus=tuple(WeightedText.parse(each) for each in minus or ()),
        more_like=tuple(more_like or ()),
        less_like=tuple(less_like or ()),
        then=tuple(then or ()),
        within_seconds=within,
        filter=FrameFilter(
            video_glob=video,
            after_seconds=after,
            before_seconds=before,
            recorded_after=_as_utc(recorded_after),
            recorded_before=_as_utc(recorded_before),
            min_duration_seconds=min_duration,
            max_duration_seconds=max_duration,
            caption_words=caption_has,
        ),
        mode=mode,
        num_hits=num_hits,
        group=group,
        dedupe=dedupe,
        min_confidence=min_confidence,
    )
    with loading.open_library(library) as opened:
        answer = opened.search(query)
        if save is not None:
            _save_frames(opened, answer.hits, save)
    if as_json:
        console.say_json(answer_as_dict(answer))
    else:
        _print_answer(answer)


def _as_utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def _print_answer(answer: SearchAnswer) -> None:
    for remark in answer.notes:
        console.note(console.printable(remark))
    if not answer.hits:
        console.note("Nothing found.")
        return
    if answer.nothing_matches:
        console.note("Nothing in this library matches well; closest:")
    console.say_table(
        [row for rank, hit in enumerate(answer.hits, start=1) for row in _rows(rank, hit)],
        header=("", "time", "span", "sure", "score", "frame", "video", "caption"),
        right=frozenset({0, 3, 4, 5}),
        dim=answer.nothing_matches,
    )


def _rows(rank: int, hit: SearchHit) -> Iterator[tuple[object, ...]]:
    alike = f" (+{hit.num_duplicates} alike)" if hit.num_duplicates else ""
    yield (
        rank,
        format_time(hit.time_seconds),
        f"{format_duration(hit.start_seconds)}-{format_duration(hit.end_seconds)}",
        _percent(hit.confidence),
        f"{hit.score:.3f}",
        hit.frame_id,
        console.shown_path(hit.video.path) + alike,
        "" if hit.steps else hit.caption or "",
    )
    for step in hit.steps:
        yield (
            "",
            format_time(step.time_seconds),
            "",
            _percent(step.confidence),
            f"{step.score:.3f}",
            step.frame_id,
            f"  {step.text}",
            step.caption or "",
        )


def _percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


def answer_as_dict(answer: SearchAnswer) -> dict[str, Any]:
    """An answer for JSON."""
    return {
        "query": json.loads(answer.query.to_json()),
        "mode": answer.mode,
        "models": list(answer.models),
        "num_frames": answer.num_frames,
        "nothing_matches": answer.nothing_matches,
        "notes": list(answer.notes),
        "hits": [_hit_as_dict(hit) for hit in answer.hits],
    }


def _hit_as_dict(hit: SearchHit) -> dict[str, Any]:
    return {
        "video": str(hit.video.path),
        "video_id": hit.video.id,
        "frame_id": hit.frame_id,
        "time_seconds": round(hit.time_seconds, 6),
        "time": format_time(hit.time_seconds),
        "start_seconds": round(hit.start_seconds, 6),
        "end_seconds": round(hit.end_seconds, 6),
        "score": hit.score,
        "scores": dict(hit.scores),
        "confidence": hit.confidence,
        "caption": hit.caption,
        "num_duplicates": hit.num_duplicates,
        "steps": [
            {
                "text": step.text,
                "frame_id": step.frame_id,
                "time_seconds": round(step.time_seconds, 6),
                "score": step.score,
                "confidence": step.confidence,
                "caption": step.caption,
            }
            for step in hit.steps
        ],
    }


def _save_frames(library: Library, hits: Sequence[SearchHit], folder: Path) -> None:
    """Write each hit's frame in full size, or its thumbnail where the file is gone."""
    from vidsearch.captions.export import safe_name
    from vidsearch.media.decode import frame_at
    from vidsearch.media.images import encode_jpeg

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for rank, hit in enumerate(hits, start=1):
            try:
                jpeg = encode_jpeg(frame_at(hit.video.path, hit.time_seconds).image)
            except MediaError as error:
                console.warn(f"{console.printable(error)} Saving its small picture instead.")
                jpeg = library.thumbnail(hit.frame_id)
            time = format_time(hit.time_seconds).replace(":", "-")
            path = folder / f"{rank:02d} {safe_name(hit.video.path.stem)} {time}.jpg"
            path.write_bytes(jpeg)
            console.note(f"Wrote {console.shown_path(path)}")
    except OSError as error:
        raise ExportError(
            f"Cannot write frames to {folder}: {error.strerror or error}. Give another --save folder."
        ) from error
