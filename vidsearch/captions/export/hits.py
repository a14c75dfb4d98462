"""Search results to files: for editing programs (edl, otio, fcpxml) and for spreadsheets (csv)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from vidsearch.captions.export import edl, fcpxml, otio
from vidsearch.captions.export.cuts import Cut, cut_of
from vidsearch.captions.export.document import one_line, path_text
from vidsearch.captions.export.files import written_whole
from vidsearch.captions.export.records import cell
from vidsearch.errors import ExportError

if TYPE_CHECKING:
    from vidsearch.types import SearchHit

_CUT_FORMATS: Mapping[str, Callable[[Cut], bytes]] = MappingProxyType(
    {"edl": edl.render, "otio": otio.render, "fcpxml": fcpxml.render}
)

HIT_FORMATS = (*_CUT_FORMATS, "csv")

HIT_COLUMNS = (
    "rank",
    "video",
    "start_seconds",
    "end_seconds",
    "time_seconds",
    "score",
    "confidence",
    "caption",
)


def export_hits(
    hits: Sequence[SearchHit], output: Path, *, title: str, format_name: str | None = None
) -> Path:
    """Write results to a file, in their order; the format is the file's suffix unless it is named.

    `title` names the cut, the query's words most often. Raises ExportError.
    """
    data = render_hits(hits, title=title, format_name=format_name or output.suffix.lstrip("."))
    with written_whole(output) as out:
        out.write(data)
    return output


def render_hits(hits: Sequence[SearchHit], *, title: str, format_name: str) -> bytes:
    """Return what `export_hits` would write. Raises ExportError."""
    name = format_name.lower()
    if name == "csv":
        return _csv(hits)
    if name not in _CUT_FORMATS:
        raise ExportError(
            f"Results are not exported as {format_name!r}. Choose one of: {', '.join(HIT_FORMATS)}."
        )
    return _CUT_FORMATS[name](cut_of(hits, title=title))


def _csv(hits: Sequence[SearchHit]) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(HIT_COLUMNS)
    for rank, hit in enumerate(hits, start=1):
        rows.writerow(
            (
                rank,
                cell(path_text(hit.video.path)),
                round(hit.start_seconds, 3),
                round(hit.end_seconds, 3),
                round(hit.time_seconds, 3),
                round(hit.score, 6),
                "" if hit.confidence is None else round(hit.confidence, 4),
                cell(one_line(hit.caption or "")),
            )
        )
    return text.getvalue().encode()
