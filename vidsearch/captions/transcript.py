"""What is said in a video, as it is shown: a person's lines in place of a model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vidsearch.errors import QueryError
from vidsearch.text import one_line

if TYPE_CHECKING:
    from vidsearch.store.store import Store
    from vidsearch.tracks import Segment
    from vidsearch.types import Video

_NEAR_SECONDS = 2.0
"""How far from a line a time may be that names it: times are typed in whole seconds."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """What is said in [start, end) of a video."""

    start_seconds: float
    end_seconds: float
    text: str
    is_human: bool = False
    """Whether a person wrote it."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The times of its words and how sure they are, where a model wrote it."""


def transcript(library: Store, video: Video) -> list[SpokenLine]:
    """What is said in a video, by start; empty where nothing is, or where nobody listened yet."""
    tracks = [
        track for track in library.tracks(video.id) if track.kind == "transcript" and track.state == "active"
    ]
    by_people = [
        _line(each, True) for track in tracks if track.is_human for each in library.segments(track.id)
    ]
    by_models = [
        _line(each, False) for track in tracks if not track.is_human for each in library.segments(track.id)
    ]
    shown = [line for line in by_models if not any(_covers(human, line) for human in by_people)]
    return sorted([*by_people, *shown], key=lambda line: (line.start_seconds, line.end_seconds))


def correct_line(library: Store, video: Video, time_seconds: float, text: str) -> SpokenLine:
    """Put right what is said at a time. Search finds the words at once, and no model overwrites them.

    Args:
        library: Where the video is.
        video: The video.
        time_seconds: A time in the line, or in the pause before or after it; the nearest line is meant.
        text: What is said, in place of the whole line.

    Raises:
        QueryError: No words, or a time when nothing is said.
    """
    words = one_line(text)
    if not words:
        raise QueryError("A line needs words: say what is said instead.")
    from vidsearch.ingest.lines import read_lines  # loads what only reading needs

    line = min(
        transcript(library, video), key=lambda line: _seconds_between(line, time_seconds), default=None
    )
    if line is None or _seconds_between(line, time_seconds) > _NEAR_SECONDS:
        raise QueryError(
            f"Nothing is said in {video.path.name} at {time_seconds:g} s. "
            f"`vidsearch captions show {video.path.name} --level transcript` has what is, and when."
        )
    library.add_human_caption(video.id, line.start_seconds, line.end_seconds, words, kind="transcript")
    read_lines(library, by_models=False)
    return SpokenLine(line.start_seconds, line.end_seconds, words, is_human=True)


def _seconds_between(line: SpokenLine, time_seconds: float) -> float:
    """How far a time is from a line: 0 where it is said then."""
    return max(line.start_seconds - time_seconds, time_seconds - line.end_seconds, 0.0)


def _line(segment: Segment, is_human: bool) -> SpokenLine:
    return SpokenLine(
        segment.start_seconds, segment.end_seconds, segment.text or "", is_human, segment.attributes
    )


def _covers(human: SpokenLine, line: SpokenLine) -> bool:
    """Whether a person's line stands where most of a model's is."""
    shared = min(human.end_seconds, line.end_seconds) - max(human.start_seconds, line.start_seconds)
    return shared > (line.end_seconds - line.start_seconds) / 2
