"""An open library, to take its words elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vidsearch.service.reading import LibraryReader, StrPath, VideoName

if TYPE_CHECKING:
    from vidsearch.captions.export import FileFormat, Format


class LibraryExporter(LibraryReader):
    """The part of `Library` that writes files beside it."""

    def export(
        self,
        videos: VideoName,
        format: str | None,
        output: StrPath,
        *,
        track: str | None = None,
        vectors: bool = False,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write videos' captions, or another track of theirs, to a file or to a file for each video.

        Args:
            videos: Names one video or more, or "all".
            format: "srt", "vtt", "json" ...: the names in `vidsearch.captions.export.FORMATS`, or for a track
                those in `vidsearch.captions.export.tracks.TRACK_FORMATS`. None reads it off `output`.
            output: The file; a folder for a file per video.
            track: A track's number or kind ("subtitle", "transcript", "ocr", "chapter", "sound", "caption"),
                to be written alone and laid out for reading; None for all captions.
            vectors: Write the frames' vectors too, in formats that hold them.
            overwrite: Replace files that exist. Videos and libraries are never written to.

        Returns:
            The files written.

        Raises:
            ExportError: There is no such track, or the files may not or cannot be written.
        """
        from vidsearch.captions.export.writing import write_documents
        from vidsearch.outputs import OutputRule

        path = Path(output)
        with self._lock:
            documents, chosen = self._documents(
                videos, format or path.suffix.removeprefix(".") or "txt", track, vectors=vectors
            )
            rule = OutputRule.for_library(self.store, overwrite=overwrite)
            return write_documents(documents, path, chosen, rule)

    def render(
        self, videos: VideoName, format: str, *, track: str | None = None, vectors: bool = False
    ) -> bytes:
        """Return what `export` would write, for formats that are one file.

        Args:
            videos: Names one video or more, or "all".
            format: The format's name.
            track: As in `export`.
            vectors: With the frames' vectors, in formats that hold them.

        Raises:
            ExportError: There is no such track, the format is a folder of files, or takes one video only.
        """
        out = io.BytesIO()
        self.write(videos, format, out, track=track, vectors=vectors)
        return out.getvalue()

    def write(
        self,
        videos: VideoName,
        format: str,
        out: BinaryIO,
        *,
        track: str | None = None,
        vectors: bool = False,
    ) -> str:
        """Write what `export` would write into an open file, and return the ending for its name.

        Args:
            videos: Names one video or more, or "all".
            format: The format's name.
            out: Takes the bytes.
            track: As in `export`.
            vectors: With the frames' vectors, in formats that hold them.

        Raises:
            ExportError: There is no such track, the format is a folder of files, or takes one video only.
        """
        from vidsearch.captions.export.writing import write_one_file

        with self._lock:
            return write_one_file(*self._documents(videos, format, track, vectors=vectors), out)

    def _documents(
        self, videos: VideoName, format: str, track: str | None, *, vectors: bool
    ) -> tuple[Iterator[Any], Format | FileFormat[Any]]:
        """What an export writes, made one after the other, and the format."""
        found = self.select(videos)
        if track is not None:
            from vidsearch.captions.export.tracks import find_track_format
            from vidsearch.service.exporting import exported_tracks

            chosen = find_track_format(format)
            return exported_tracks(self.store, found, track, takes_several=chosen.holds_many), chosen
        from vidsearch.captions.export import find_format
        from vidsearch.captions.export.registry import ALSO_VECTORS

        written = find_format(format)
        needs = written.needs | ALSO_VECTORS if vectors else written.needs
        describer = self.describer()
        return (describer.document(each, needs=needs) for each in found), written
