"""What the videos of a library say in words: captions of every level, and where words occur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from vidsearch.captions.transcript import transcript
from vidsearch.search.engine import Searcher
from vidsearch.search.kinds import TEXT_KINDS
from vidsearch.search.query import Query

if TYPE_CHECKING:
    from vidsearch.captions.aggregate import AggregatedCaption
    from vidsearch.captions.describe import Describer, Description
    from vidsearch.captions.transcript import SpokenLine
    from vidsearch.store.store import Store
    from vidsearch.types import IndexedFrame, Video


CaptionLevel: TypeAlias = Literal["video", "chapter", "shot", "frame", "transcript"]
"""What a video's words are asked for: a line, the captions of its parts, or what is said in it."""


@dataclass(frozen=True, slots=True)
class VideoCaptions:
    """A video in words."""

    video: Video
    level: CaptionLevel
    summary: Description | None
    """The whole video in one line; None without captions."""
    frames: tuple[IndexedFrame, ...] = ()
    """Every frame, at level "frame"."""
    sections: tuple[Description, ...] = ()
    """The shots or chapters, at those levels."""
    transcript: tuple[SpokenLine, ...] = ()
    """What is said, at level "transcript"."""


@dataclass(frozen=True, slots=True)
class LibraryCaptions:
    """Every video of a library in one line, and one line for all."""

    summary: AggregatedCaption | None
    videos: tuple[VideoCaptions, ...]


@dataclass(frozen=True, slots=True)
class WordMatch:
    """Words of a video that have the words asked for, and where: [start, end)."""

    video: Video
    kind: str
    """What they are, as `--in` names it: "captions", "corrections", "subtitles" or "chapters"."""
    start_seconds: float
    end_seconds: float
    highlighted: str
    """The words, with HIGHLIGHT_START and HIGHLIGHT_END around each that matched."""
    score: float
    """Comparable within one answer only."""

    @property
    def text(self) -> str:
        """The words, without marks."""
        from vidsearch.store.records import HIGHLIGHT_END, HIGHLIGHT_START

        return self.highlighted.replace(HIGHLIGHT_START, "").replace(HIGHLIGHT_END, "")


def read_captions(store: Store, describer: Describer, video: Video, level: CaptionLevel) -> VideoCaptions:
    """Return a video's captions at a level."""
    return VideoCaptions(
        video=video,
        level=level,
        summary=describer.video(video),
        frames=tuple(store.frames(video.id)) if level == "frame" else (),
        sections=tuple(describer.sections(video, level=level)) if level in ("shot", "chapter") else (),
        transcript=tuple(transcript(store, video)) if level == "transcript" else (),
    )


def find_words(store: Store, words: str, num_matches: int) -> list[WordMatch]:
    """Return the words of videos that have any of the words asked for, best first.

    It is the search of `Library.search`, restricted to words: one ranking over captions, corrections,
    subtitles and chapters, without a model.
    """
    query = Query(text=words, kinds=tuple(TEXT_KINDS), num_hits=num_matches, group=False, dedupe=False)
    return [
        WordMatch(
            video=hit.video,
            kind=evidence.kind,
            start_seconds=evidence.start_seconds,
            end_seconds=evidence.end_seconds,
            highlighted=evidence.highlighted or evidence.text or "",
            score=hit.score,
        )
        for hit in Searcher(store, encoders={}).search(query).hits
        for evidence in hit.evidence[:1]
    ]
