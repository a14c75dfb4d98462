"""Exports search results for editing programs (edl, otio, fcpxml) and spreadsheets (csv)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from vidsearch.captions.export import edl, fcpxml, otio
from vidsearch.captions.export.cuts import Cut, cut_of
from vidsearch.captions.export.document import path_text
from vidsearch.errors import ExportError
from vidsearch.outputs import DEFAULT_RULE, OutputRule
from vidsearch.text import csv_cell, one_line

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
    hits: Sequence[SearchHit],
    output: Path,
    *,
    title: str,
    format_name: str | None = None,
    rule: OutputRule = DEFAULT_RULE,
) -> Path:
    """Write results to a file, in their order.

    Args:
        hits: One or more results.
        output: The file to write.
        title: The name of the cut, such as the query's words.
        format_name: One of `HIT_FORMATS`; None for the file's suffix.
        rule: Which files may be written. The hits' videos are never overwritten.

    Returns:
        The file written.

    Raises:
        ExportError: There is no result, the format is unknown, or the file exists or cannot be written.
    """
    sources = [path for hit in hits for path in hit.video.paths]
    rule = replace(rule, inputs=(*rule.inputs, *sources))
    rule.check(output)
    rule.write(output, render_hits(hits, title=title, format_name=format_name or output.suffix.lstrip(".")))
    return output


def render_hits(hits: Sequence[SearchHit], *, title: str, format_name: str) -> bytes:
    """Return what `export_hits` would write. Raises ExportError."""
    if not hits:
        raise ExportError("Nothing was found, so there is nothing to export.")
    name = format_name.lower()
    if name == "csv":
        return _csv(hits)
    if name not in _CUT_FORMATS:
        raise ExportError(
            f"Results cannot be exported as {format_name!r}. Choose one of: {', '.join(HIT_FORMATS)}."
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
                csv_cell(path_text(hit.video.path)),
                round(hit.start_seconds, 3),
                round(hit.end_seconds, 3),
                round(hit.time_seconds, 3),
                round(hit.score, 6),
                "" if hit.confidence is None else round(hit.confidence, 4),
                csv_cell(one_line(hit.caption or "")),
            )
        )
    return text.getvalue().encode()
