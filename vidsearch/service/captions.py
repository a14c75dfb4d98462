"""What the videos of a library say in words: captions of every level, and where words occur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vidsearch.tracks import WordKind

if TYPE_CHECKING:
    from vidsearch.captions.aggregate import AggregatedCaption
    from vidsearch.captions.describe import Describer, Description, Level
    from vidsearch.store.library import Library as Store
    from vidsearch.types import IndexedFrame, Video


@dataclass(frozen=True, slots=True)
class VideoCaptions:
    """A video in words."""

    video: Video
    level: Level
    summary: Description | None
    """The whole video in one line; None without captions."""
    frames: tuple[IndexedFrame, ...] = ()
    """Every frame, at level "frame"."""
    sections: tuple[Description, ...] = ()
    """The shots or chapters, at those levels."""


@dataclass(frozen=True, slots=True)
class LibraryCaptions:
    """Every video of a library in one line, and one line for all."""

    summary: AggregatedCaption | None
    videos: tuple[VideoCaptions, ...]


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A caption or a subtitle that has the words asked for, and where: [start, end)."""

    video: Video
    kind: Literal["caption", "subtitle"]
    start_seconds: float
    end_seconds: float
    track: str | None
    """The subtitle track's name; None for a caption."""
    highlighted: str
    """The words, with HIGHLIGHT_START and HIGHLIGHT_END around each that matched."""
    score: float
    """Comparable within one answer only."""

    @property
    def text(self) -> str:
        """The words, without marks."""
        from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

        return self.highlighted.replace(HIGHLIGHT_START, "").replace(HIGHLIGHT_END, "")


def read_captions(store: Store, describer: Describer, video: Video, level: Level) -> VideoCaptions:
    """Return a video's captions at a level."""
    return VideoCaptions(
        video=video,
        level=level,
        summary=describer.video(video),
        frames=tuple(store.frames(video.id)) if level == "frame" else (),
        sections=tuple(describer.sections(video, level=level)) if level in ("shot", "chapter") else (),
    )


def find_words(store: Store, words: str, num_matches: int) -> list[WordMatch]:
    """Return the captions and subtitles that have any of the words, best first: one ranking over all of
    them."""
    kinds = (WordKind("caption"), WordKind("caption", is_human=True), WordKind("subtitle"))
    matches = store.match(words, num_matches, kinds=kinds)
    videos = {video.id: video for video in store.videos()}
    tracks = {track_id: store.track(track_id) for track_id in {match.track_id for match in matches}}
    return [
        WordMatch(
            video=videos[match.video_id],
            kind="subtitle" if match.kind == "subtitle" else "caption",
            start_seconds=match.start_seconds,
            end_seconds=match.end_seconds,
            track=tracks[match.track_id].name if match.kind == "subtitle" else None,
            highlighted=match.highlighted,
            score=match.score,
        )
        for match in matches
    ]
