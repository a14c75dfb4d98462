"""The part of `Library` that exports captions and other tracks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vidsearch.service.reading import LibraryReader, StrPath, VideoName

if TYPE_CHECKING:
    from vidsearch.captions.export import FileFormat, Format


class LibraryExporter(LibraryReader):
    """A library whose captions and tracks can be exported."""

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
        """Write videos' captions, or another track, to one file or to one file per video.

        Args:
            videos: A name of one or more videos, or "all".
            format: "srt", "vtt", "json" ...: a name in `vidsearch.captions.export.FORMATS`, or, with `track`,
                in `vidsearch.captions.export.tracks.TRACK_FORMATS`. None infers it from `output`.
            output: The file, or the folder for one file per video.
            track: A track's id or kind ("subtitle", "transcript", "ocr", "chapter", "sound", "caption"),
                which is written alone, with lines broken for reading; None for all captions.
            vectors: Whether to include the frames' vectors, in formats that can hold them.
            overwrite: Whether to replace existing files. Videos and libraries are never overwritten.

        Returns:
            The files written.

        Raises:
            ExportError: There is no such track, or a file exists or cannot be written.
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
        """Return what `export` would write, for formats that make one file.

        Args:
            videos: A name of one or more videos, or "all".
            format: The format's name.
            track: As in `export`.
            vectors: As in `export`.

        Raises:
            ExportError: There is no such track, or the format makes several files or holds only one video.
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
        """Write what `export` would write to an open file, and return the suffix for its name.

        Args:
            videos: A name of one or more videos, or "all".
            format: The format's name.
            out: The file.
            track: As in `export`.
            vectors: As in `export`.

        Raises:
            ExportError: There is no such track, or the format makes several files or holds only one video.
        """
        from vidsearch.captions.export.writing import write_one_file

        with self._lock:
            return write_one_file(*self._documents(videos, format, track, vectors=vectors), out)

    def _documents(
        self, videos: VideoName, format: str, track: str | None, *, vectors: bool
    ) -> tuple[Iterator[Any], Format | FileFormat[Any]]:
        """Return the documents to export, made lazily, and their format."""
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
