"""Moments and videos as the grid and the player take them: plain data, ready for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from vidsearch.paths import exists
from vidsearch.times import format_duration
from vidsearch.web.files import frame_url
from vidsearch.web.page_library import PageLibrary, Span, TimedFrame
from vidsearch.web.show import length_of, name_of

if TYPE_CHECKING:
    from vidsearch.types import IndexedFrame, SearchHit, Video

Card: TypeAlias = dict[str, Any]

_FRAMES_IN_STRIP = 8
_MARKS = {
    "speech": "Said",
    "subtitles": "Said",
    "text": "On screen",
    "chapters": "Chapter",
    "corrections": "By a person",
}
"""What a card says of words that are not a model's caption, by kind of evidence."""


def hit_cards(library: PageLibrary, hits: Sequence[SearchHit]) -> list[Card]:
    """Cards of an answer's moments."""
    spans = [Span(hit.video.id, hit.start_seconds, hit.end_seconds) for hit in hits]
    strips = library.strips(spans, num_frames=_FRAMES_IN_STRIP)
    return [_hit_card(hit, strip) for hit, strip in zip(hits, strips, strict=True)]


def _hit_card(hit: SearchHit, strip: Sequence[TimedFrame]) -> Card:
    name, time = name_of(hit.video), format_duration(hit.time_seconds)
    sure = None if hit.confidence is None else f"{hit.confidence:.0%}"
    mark, text = _words(hit)
    length = max(1, round(hit.end_seconds - hit.start_seconds))
    return {
        "id": str(hit.frame_id),
        "picture": frame_url(hit.frame_id),
        "name": name,
        "time": time,
        "length": f"{length} s" if length < 60 else format_duration(length),
        "sure": sure,
        "text": text,
        "mark": mark,
        "note": f"and {hit.num_duplicates} like it elsewhere" if hit.num_duplicates else None,
        "label": _label(name, time, sure and f"{sure} sure", mark, text),
        "frames": _frames(strip),
        "steps": [
            {
                "id": str(step.frame_id),
                "picture": frame_url(step.frame_id),
                "time": format_duration(step.time_seconds),
                "label": _label(
                    name,
                    format_duration(step.time_seconds),
                    f"step {number}: {step.text}",
                    step.evidence[0].text if step.evidence else None,
                ),
            }
            for number, step in enumerate(hit.steps, start=1)
        ],
    }


def _words(hit: SearchHit) -> tuple[str | None, str]:
    """The words that made it a hit, and what kind they are; else its caption."""
    for evidence in hit.evidence:
        if evidence.text and evidence.kind in _MARKS:
            return _MARKS[evidence.kind], evidence.text
    return None, hit.caption or ""


def video_cards(
    library: PageLibrary, videos: Sequence[Video], *, covers: Mapping[int, IndexedFrame] | None = None
) -> list[Card]:
    """Cards of whole videos, each with the frame that shows it best; `id` is that frame's."""
    covers = library.covers(videos) if covers is None else covers
    shown = [video for video in videos if video.id in covers]
    spans = [Span(video.id, 0.0, float("inf")) for video in shown]
    strips = library.strips(spans, num_frames=_FRAMES_IN_STRIP)
    cards = []
    for video, strip in zip(shown, strips, strict=True):
        cover = covers[video.id]
        caption = cover.caption.text if cover.caption else ""
        cards.append(
            {
                "id": str(cover.id),
                "picture": frame_url(cover.id),
                "name": name_of(video),
                "time": length_of(video),
                "text": caption,
                "note": _state(video),
                "label": _label(name_of(video), length_of(video), caption),
                "frames": _frames(strip),
            }
        )
    return cards


def frame_card(video: Video, frame: IndexedFrame, *, mark: str | None = None) -> Card:
    """A card of a single frame."""
    caption = frame.caption.text if frame.caption else ""
    time = format_duration(frame.time_seconds)
    return {
        "id": str(frame.id),
        "picture": frame_url(frame.id),
        "name": name_of(video),
        "time": time,
        "text": caption,
        "mark": mark,
        "label": _label(name_of(video), time, caption),
    }


def _state(video: Video) -> str | None:
    if not video.is_complete:
        return f"Indexed up to {format_duration(video.indexed_until_seconds)} so far"
    return None if exists(video.path) else "The file is gone"


def _frames(strip: Iterable[TimedFrame]) -> list[dict[str, str]]:
    return [{"picture": frame_url(frame.id), "time": format_duration(frame.time_seconds)} for frame in strip]


def _label(name: str, *parts: str | None) -> str:
    return ", ".join(["Open " + name, *(part for part in parts if part)])
