"""The words that a video brings along: subtitle streams and chapters, each a track of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidsearch.ingest.analyzers import FileFindings, MadeTrack
from vidsearch.media.embedded import chapters, subtitle_streams, subtitles
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vidsearch.media.embedded import SubtitleStream, TimedText

STREAM = "stream"
"""The producer of subtitles that come in a stream of the video file."""
CONTAINER = "container"
"""The producer of chapters that the file's container lists."""


class EmbeddedText:
    """Reads a video file's subtitle streams and chapters."""

    def analyze(self, path: Path) -> FileFindings:
        """Read what the file holds. Streams of pictures are named in the notes. Raises MediaError."""
        tracks: list[MadeTrack] = []
        notes: list[str] = []
        for stream in subtitle_streams(path):
            if not stream.is_text:
                notes.append(
                    f"{path}: subtitle stream {stream.index} holds pictures ({stream.codec}): not read."
                )
                continue
            read = subtitles(path, stream.index)
            if read.num_unread:
                notes.append(
                    f"{path}: {read.num_unread} lines of subtitle stream {stream.index} cannot be read."
                )
            if read.cues:
                tracks.append(MadeTrack(_spec(stream), tuple(_records(read.cues))))
        titled = [chapter for chapter in chapters(path) if chapter.text]
        if titled:
            tracks.append(MadeTrack(TrackSpec("chapter", CONTAINER), tuple(_records(titled))))
        return FileFindings(tuple(tracks), tuple(notes))


def _spec(stream: SubtitleStream) -> TrackSpec:
    params: dict[str, Any] = {"stream": stream.index, "codec": stream.codec}
    if stream.title is not None:
        params["name"] = stream.title
    if stream.is_forced:
        params["is_forced"] = True
    return TrackSpec("subtitle", STREAM, params, stream.language)


def _records(texts: Iterable[TimedText]) -> Iterator[SegmentRecord]:
    for text in texts:
        yield SegmentRecord(text.start_seconds, text.end_seconds, text.text)
