"""Runs file analyzers in a separate process, for files that may crash their reader."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from vidsearch.errors import DamagedVideo
from vidsearch.ingest.analyzers import FileFindings, MadeTrack
from vidsearch.ingest.isolation import isolated
from vidsearch.tracks import SegmentRecord, TrackSpec

if TYPE_CHECKING:
    from pathlib import Path

    from vidsearch.ingest.analyzers import FileAnalyzer

_PIECE_CHARACTERS = 100_000
"""Of one message, such that it fits even if every character is escaped."""
_MAX_PIECES = 500


class _Track(msgspec.Struct):
    kind: Literal["subtitle", "chapter"]
    producer: str
    params: dict[str, str | int | float | bool | None]
    language: str | None
    lines: list[tuple[float, float, str | None]]


class _Found(msgspec.Struct):
    tracks: list[_Track]
    notes: list[str]


def analyze_apart(analyzer: FileAnalyzer, path: Path, *, timeout_seconds: float | None) -> FileFindings:
    """Run `analyzer.analyze(path)` in a process that may crash. Raises MediaError."""
    pieces: list[str] = []
    call = partial(_pieces, analyzer, path)
    for piece in isolated(call, name=path, timeout_seconds=timeout_seconds):
        if not isinstance(piece, str) or len(pieces) == _MAX_PIECES:
            raise DamagedVideo("its decoder answers what makes no sense", path=path)
        pieces.append(piece)
    try:
        found = msgspec.json.decode("".join(pieces), type=_Found)
    except msgspec.MsgspecError as error:
        raise DamagedVideo("its decoder answers what makes no sense", path=path) from error
    tracks = tuple(
        MadeTrack(
            TrackSpec(track.kind, track.producer, track.params, track.language),
            tuple(SegmentRecord(*line) for line in track.lines),
        )
        for track in found.tracks
    )
    return FileFindings(tracks, tuple(found.notes))


def _pieces(analyzer: FileAnalyzer, path: Path) -> Iterator[str]:
    findings = analyzer.analyze(path)
    tracks = [
        {
            "kind": made.spec.kind,
            "producer": made.spec.producer,
            "params": dict(made.spec.params),
            "language": made.spec.language,
            "lines": [(each.start_seconds, each.end_seconds, each.text) for each in made.segments],
        }
        for made in findings.tracks
    ]
    text = msgspec.json.encode({"tracks": tracks, "notes": findings.notes}).decode()
    for start in range(0, len(text), _PIECE_CHARACTERS):
        yield text[start : start + _PIECE_CHARACTERS]
