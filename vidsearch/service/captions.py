"""Captions of a library's videos at every level, and search for words in them."""

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
"""One caption for the video, captions of its parts, or its transcript."""


@dataclass(frozen=True, slots=True)
class VideoCaptions:
    """A video's captions."""

    video: Video
    level: CaptionLevel
    summary: Description | None
    """One caption for the whole video; None without captions."""
    frames: tuple[IndexedFrame, ...] = ()
    """All frames, at level "frame"."""
    sections: tuple[Description, ...] = ()
    """All shots or chapters, at these levels."""
    transcript: tuple[SpokenLine, ...] = ()
    """What is said, at level "transcript"."""


@dataclass(frozen=True, slots=True)
class LibraryCaptions:
    """One caption for each video of a library, and one for all of them."""

    summary: AggregatedCaption | None
    videos: tuple[VideoCaptions, ...]


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A text of a video that contains the words searched for, and its span [start, end)."""

    video: Video
    kind: str
    """The kind of text, as in `--in`: "captions", "corrections", "subtitles" or "chapters"."""
    start_seconds: float
    end_seconds: float
    highlighted: str
    """The text, with HIGHLIGHT_START and HIGHLIGHT_END around each word that matched."""
    score: float
    """Higher is better; comparable only within one answer."""

    @property
    def text(self) -> str:
        """The text without highlighting."""
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
    """Find texts that contain any of the words, best first.

    One ranking over captions, corrections, subtitles and chapters, as in `Library.search`, but without
    models.
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
