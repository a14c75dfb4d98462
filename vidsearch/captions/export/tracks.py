"""Exports single tracks: subtitles, transcripts, text on the screen, chapters, captions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO

from vidsearch.captions.export import srt, vtt
from vidsearch.captions.export.document import CaptionSpan, clock, path_text
from vidsearch.captions.export.layout import laid_out
from vidsearch.captions.export.writing import FileFormat
from vidsearch.errors import ExportError
from vidsearch.text import csv_cell, json_text, one_line

if TYPE_CHECKING:
    from vidsearch.types import Video

JSON_FORMAT_VERSION = 1

CSV_COLUMNS = ("video", "kind", "track", "language", "start_seconds", "end_seconds", "text")


@dataclass(frozen=True, slots=True)
class ExportedSegment:
    """A track's text for a part [start, end) of a video."""

    start_seconds: float
    end_seconds: float
    text: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further attributes, as JSON values."""


@dataclass(frozen=True, slots=True)
class ExportedTrack:
    """A track with all of its segments, to be exported."""

    video: Video
    kind: str
    """"subtitle", "transcript", "ocr", "chapter", "caption" ..."""
    name: str
    """Distinguishes it from other tracks of its kind."""
    producer: str
    """What made it: a model, "file", "human"."""
    language: str | None
    """BCP 47."""
    segments: Sequence[ExportedSegment]
    """By start."""

    def spans(self) -> list[CaptionSpan]:
        """Return the segments with text, each on one line."""
        return [
            CaptionSpan(each.start_seconds, each.end_seconds, text, _words_of(each))
            for each in self.segments
            if (text := one_line(each.text))
        ]


def _words_of(segment: ExportedSegment) -> tuple[tuple[float, float, str], ...]:
    """The times of the words of a transcript's line, if a model wrote it."""
    return tuple((start, end, word) for start, end, word, *_ in segment.attributes.get("words", ()))


def _write_srt(tracks: Iterable[ExportedTrack], out: BinaryIO) -> None:
    for track in tracks:
        srt.write_cues(laid_out(track.spans()), out)


def _write_vtt(tracks: Iterable[ExportedTrack], out: BinaryIO) -> None:
    """Write WebVTT. Chapters keep their spans, as players show them in a menu."""
    for track in tracks:
        spans = track.spans()
        vtt.write_cues(spans if track.kind == "chapter" else laid_out(spans), out)


def _write_txt(tracks: Iterable[ExportedTrack], out: BinaryIO) -> None:
    for track in tracks:
        for span in track.spans():
            out.write(f"{clock(span.start_seconds)}\t{span.text}\n".encode())


def _write_json(tracks: Iterable[ExportedTrack], out: BinaryIO) -> None:
    """Write `{"format": "vidsearch-tracks", "version": 1, "tracks": [...]}`."""
    out.write(f'{{"format": "vidsearch-tracks", "version": {JSON_FORMAT_VERSION}, "tracks": ['.encode())
    for position, track in enumerate(tracks):
        record = {
            "video": path_text(track.video.path),
            "content_hash": track.video.content_hash,
            "kind": track.kind,
            "name": track.name,
            "producer": track.producer,
            "language": track.language,
            "segments": [
                {
                    "start_seconds": round(each.start_seconds, 6),
                    "end_seconds": round(each.end_seconds, 6),
                    "text": each.text,
                    "attributes": dict(each.attributes),
                }
                for each in track.segments
            ],
        }
        out.write(((",\n" if position else "\n") + json_text(record, indent=1)).encode())
    out.write(b"\n]}\n")


def _write_csv(tracks: Iterable[ExportedTrack], out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(CSV_COLUMNS)
    for track in tracks:
        head = (path_text(track.video.path), track.kind, track.name, track.language or "")
        for span in track.spans():
            times = (round(span.start_seconds, 3), round(span.end_seconds, 3))
            rows.writerow([*map(csv_cell, head), *times, csv_cell(span.text)])
    text.detach()


TRACK_FORMATS: Mapping[str, FileFormat[ExportedTrack]] = MappingProxyType(
    {
        each.name: each
        for each in (
            FileFormat("srt", ".srt", "SubRip subtitles, laid out for reading", False, _write_srt),
            FileFormat("vtt", ".vtt", "WebVTT subtitles, laid out for reading", False, _write_vtt),
            FileFormat("txt", ".txt", "one line a segment: time, tab, words", False, _write_txt),
            FileFormat("json", ".json", "everything, as one JSON document", True, _write_json),
            FileFormat("csv", ".csv", "one row a segment, for spreadsheets", True, _write_csv),
        )
    }
)


def find_track_format(name: str) -> FileFormat[ExportedTrack]:
    """Return a format for tracks by its name. Raises ExportError, which lists them."""
    try:
        return TRACK_FORMATS[name.lower()]
    except KeyError:
        raise ExportError(
            f"A track cannot be exported as {name!r}. Choose one of: {', '.join(TRACK_FORMATS)}."
        ) from None
