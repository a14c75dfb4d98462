"""Reads the text that comes with a video: subtitle streams, chapters, and sidecar subtitle files.

Each becomes a track. A video without chapters gets an empty chapter track, too, which records that the file
was read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vidsearch.errors import MediaError, SubtitleError
from vidsearch.ingest.analyzers import FileFindings, MadeTrack
from vidsearch.media.embedded import find_sidecars, streams_and_chapters, subtitles
from vidsearch.media.source import source_of
from vidsearch.media.subtitle_files import read_subtitles
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from vidsearch.media.embedded import SubtitleStream
    from vidsearch.tracks import Track
    from vidsearch.types import TimedText

STREAM = "stream"
"""Producer of subtitles from a stream of the video file."""
SIDECAR = "sidecar"
"""Producer of subtitles from a sidecar file."""
CHAPTERS = TrackSpec("chapter", "container")


class EmbeddedText:
    """Reads a video file's subtitle streams and chapters, and its sidecar subtitle files."""

    def lacks(self, path: Path, tracks: Sequence[Track]) -> bool:
        """Whether the file has text that is missing from these tracks."""
        known = [track.spec for track in tracks]
        return CHAPTERS not in known or any(spec not in known for _, spec in _sidecars(path))

    def analyze(self, path: Path) -> FileFindings:
        """Read the file and its sidecars. The notes name what cannot be read.

        Raises MediaError.
        """
        tracks: list[MadeTrack] = []
        notes: list[str] = []
        streams, chapters = streams_and_chapters(path)
        for stream in streams:
            which = f"{path}: subtitle stream {stream.index}"
            if not stream.is_text:
                notes.append(f"{which} holds pictures ({stream.codec}), which are not read.")
                continue
            read = subtitles(path, stream.index)
            if read.num_unread:
                notes.append(f"{which} has {read.num_unread} lines that cannot be read.")
            if read.cues:
                tracks.append(MadeTrack(_stream_spec(stream), tuple(_records(read.cues))))
        for sidecar, spec in _sidecars(path):
            try:
                cues = read_subtitles(sidecar).cues
            except SubtitleError as error:
                notes.append(str(error))
                cues = ()
            tracks.append(MadeTrack(spec, tuple(_records(cues))))
        titled = [chapter for chapter in chapters if chapter.text]
        tracks.append(MadeTrack(CHAPTERS, tuple(_records(titled))))
        return FileFindings(tuple(tracks), tuple(notes))


def _stream_spec(stream: SubtitleStream) -> TrackSpec:
    params: dict[str, Any] = {"stream": stream.index, "codec": stream.codec}
    if stream.title is not None:
        params["name"] = stream.title
    if stream.is_forced:
        params["is_forced"] = True
    return TrackSpec("subtitle", STREAM, params, stream.language)


def _sidecars(path: Path) -> Iterator[tuple[Path, TrackSpec]]:
    """The sidecar subtitle files and their tracks; a changed file makes a new track."""
    for sidecar, language in find_sidecars(path):
        with suppress(MediaError):  # deleted meanwhile
            state = source_of(sidecar).state()
            params = {"name": sidecar.name, "size_bytes": state.size_bytes, "mtime_ns": state.mtime_ns}
            yield sidecar, TrackSpec("subtitle", SIDECAR, params, language)


def _records(texts: Iterable[TimedText]) -> Iterator[SegmentRecord]:
    for text in texts:
        yield SegmentRecord(text.start_seconds, text.end_seconds, text.text)
