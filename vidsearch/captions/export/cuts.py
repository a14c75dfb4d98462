"""Search results as a cut, a sequence of clips: the common data of formats for editing programs.

Clips are counted in frames of the cut's rate, which is that of the first result. Source times start at zero:
timecode tracks inside files are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from vidsearch.captions.export.document import path_text
from vidsearch.captions.export.timecode import frame_number, standard_rate
from vidsearch.text import one_line

if TYPE_CHECKING:
    from vidsearch.types import SearchHit, Video


@dataclass(frozen=True, slots=True)
class Clip:
    """One result in a cut: frames [source_start, source_start + num_frames) of its file."""

    video: Video
    name: str
    """The file's name, on one line."""
    url: str
    """The path as a percent-encoded file:// URL."""
    note: str
    """The caption, on one line; may be empty."""
    source_start: int
    record_start: int
    """Its start in the cut."""
    num_frames: int
    """At least 1."""
    source_frames: int
    """The length of the whole file, in frames of the cut's rate."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A sequence of clips, at one rate."""

    title: str
    rate: Fraction
    """Frames per second."""
    clips: tuple[Clip, ...]

    @property
    def num_frames(self) -> int:
        return sum(clip.num_frames for clip in self.clips)


def cut_of(hits: Sequence[SearchHit], *, title: str) -> Cut:
    """Arrange one or more results end to end, in their order."""
    rate = standard_rate(hits[0].video.info.frame_rate)
    clips = []
    record_start = 0
    for hit in hits:
        start = frame_number(hit.start_seconds, rate)
        end = max(start + 1, frame_number(hit.end_seconds, rate))
        duration = hit.video.info.duration_seconds
        path = hit.video.path.absolute()
        clips.append(
            Clip(
                video=hit.video,
                name=one_line(path_text(path).rpartition("/")[2]) or "video",
                url=path.as_uri(),
                note=one_line(hit.caption or ""),
                source_start=start,
                record_start=record_start,
                num_frames=end - start,
                source_frames=max(end, frame_number(duration, rate)) if duration is not None else end,
            )
        )
        record_start += end - start
    return Cut(one_line(title) or "vidsearch", rate, tuple(clips))
