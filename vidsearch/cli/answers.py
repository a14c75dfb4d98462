"""Answers as the command line shows them: a table, and pictures in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.cli import console
from vidsearch.errors import MediaError, QueryError
from vidsearch.search.kinds import reason
from vidsearch.times import format_duration, format_moment, format_time

if TYPE_CHECKING:
    from vidsearch.outputs import OutputRule
    from vidsearch.search.answer import SearchAnswer
    from vidsearch.store.store import Store
    from vidsearch.types import Evidence, SearchHit


_THUMBNAIL_PIXELS = 96
"""How high small pictures are in a terminal: some five lines."""


def print_answer(answer: SearchAnswer, *, store: Store | None = None) -> None:
    """Say what was found, best first: found, not sure, or merely the closest where nothing was.

    With a store, each hit's small picture is drawn below it, in terminals that show pictures.
    """
    for remark in answer.notes:
        console.note(remark)
    if not answer.hits:
        console.note("Nothing found.")
        return
    if answer.verdict == "nothing":
        console.note("Nothing in this library matches well; closest:")
    elif answer.verdict == "unsure" and any(hit.confidence is not None for hit in answer.hits):
        console.note("Not sure that this library has it; best guesses:")
    rows = [(hit, row) for rank, hit in enumerate(answer.hits, start=1) for row in _rows(rank, hit)]
    console.say_table(
        [row for _, row in rows],
        header=("", "time", "span", "sure", "score", "frame", "video", "caption"),
        right=frozenset({0, 3, 4, 5}),
        dim={number for number, (hit, _) in enumerate(rows) if answer.is_doubtful(hit)},
        optional=(4, 2, 5, 3),
        ends=frozenset({6}),
        after={} if store is None else {n: partial(_draw, store, row[5]) for n, (_, row) in enumerate(rows)},
    )


def _draw(store: Store, frame_id: object) -> None:
    """Draw a frame's small picture into the terminal."""
    from vidsearch.cli import pictures

    if isinstance(frame_id, int) and pictures.protocol():
        pictures.show_image(store.thumbnail(frame_id), height_pixels=_THUMBNAIL_PIXELS)


def _rows(rank: int, hit: SearchHit) -> Iterator[tuple[object, ...]]:
    alike = f" (+{hit.num_duplicates} alike)" if hit.num_duplicates else ""
    yield (
        rank,
        format_moment(hit.time_seconds),
        f"{format_duration(hit.start_seconds)}-{format_duration(hit.end_seconds)}",
        _percent(hit.confidence),
        f"{hit.score:.3f}",
        hit.frame_id,
        console.shown_path(hit.video.path) + alike,
        "" if hit.steps else _why(hit.evidence, hit.caption),
    )
    for step in hit.steps:
        yield (
            "",
            format_moment(step.time_seconds),
            "",
            _percent(step.confidence),
            f"{step.score:.3f}",
            step.frame_id,
            f"  {step.text}",
            _why(step.evidence, step.caption),
        )


def _why(evidence: Sequence[Evidence], caption: str | None) -> str:
    """Return why it is a hit: what was said, written or captioned there, and whether it looks like it."""
    by_words = [each for each in evidence if each.text and each.text != caption]
    if not by_words:
        return caption or ""
    reasons = [reason(each) for each in by_words]
    looks = [each for each in evidence if not each.text]
    return "; ".join(dict.fromkeys([*reasons, *map(reason, looks)]))


def _percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


def open_hit(answer: SearchAnswer, number: int) -> None:
    """Play a hit, by its number in the answer, in the system's player.

    Raises QueryError for a number that no hit has, MediaError where the file is gone, VidsearchError.
    """
    from vidsearch.cli import players
    from vidsearch.store.fingerprint import path_of

    if number > len(answer.hits):
        raise QueryError(f"There is no hit {number} to open: the answer has {len(answer.hits)}.")
    hit = answer.hits[number - 1]
    player, begins_there = players.play(path_of(hit.video), hit.start_seconds)
    start = format_moment(hit.start_seconds)
    path = console.shown_path(hit.video.path)
    if begins_there:
        console.note(f"Playing {path} from {start} in {player}")
    else:
        console.note(f"Playing {path} in {player}: go to {start}. With mpv or VLC installed it begins there.")


def save_frames(store: Store, hits: Sequence[SearchHit], folder: Path, rule: OutputRule) -> None:
    """Write each hit's frame in full size, or its thumbnail where the file is gone. Raises ExportError."""
    from vidsearch.captions.export import safe_name
    from vidsearch.media.decode import frame_at
    from vidsearch.media.images import encode_jpeg
    from vidsearch.store.fingerprint import path_of

    paths = [
        folder / f"{rank:02d} {safe_name(hit.video.path.stem)} "
        f"{format_time(hit.time_seconds).replace(':', '-')}.jpg"
        for rank, hit in enumerate(hits, start=1)
    ]
    for path in paths:
        rule.check(path)
    for path, hit in zip(paths, hits, strict=True):
        try:
            jpeg = encode_jpeg(frame_at(path_of(hit.video), hit.time_seconds).image)
        except MediaError as error:
            console.warn(f"{error} Saving its small picture instead.")
            jpeg = store.thumbnail(hit.frame_id)
        rule.write(path, jpeg)
        console.note(f"Wrote {console.shown_path(path)}")


def feedback(words: Iterable[str], *, num_hits: int) -> tuple[list[int], list[int]]:
    """Places in the answer, from 0, that were called right, and wrong. Raises QueryError."""
    right: list[int] = []
    wrong: list[int] = []
    for word in words:
        rank = word.lstrip("-")
        if not rank.isdecimal() or not 1 <= int(rank) <= num_hits:
            raise QueryError(
                f"{word!r} is not the number of a hit: write 1 to {num_hits}, or -1 to -{num_hits}."
            )
        (wrong if word.startswith("-") else right).append(int(rank) - 1)
    return right, wrong
