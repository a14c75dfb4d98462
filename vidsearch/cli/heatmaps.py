"""Heat maps as files: for `vidsearch explain`, `search --explain` and `captions show --explain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.cli import console
from vidsearch.errors import ExportError, MediaError
from vidsearch.text import json_text

if TYPE_CHECKING:
    from vidsearch.models.protocols import CaptionExplainer, Explainer
    from vidsearch.models.relevance import Relevance
    from vidsearch.outputs import OutputRule
    from vidsearch.store.store import Store
    from vidsearch.types import IndexedFrame, SearchHit, UInt8Image, Video


def check(output: Path, rule: OutputRule) -> None:
    """Raise ExportError unless a heat map can be written to `output`: before a model is loaded for it."""
    if output.suffix.lower() not in (".png", ".json"):
        raise ExportError(f"{output} is neither .png nor .json. Give it one of these endings.")
    rule.check(output)


def write(output: Path, image: UInt8Image, relevance: Relevance, rule: OutputRule) -> None:
    """Write a heat map over its image as .png, or its numbers as .json. Raises ExportError."""
    from vidsearch.service.explaining import Explanation
    from vidsearch.service.schemas import RelevanceSchema, plain

    check(output, rule)
    if output.suffix.lower() == ".png":
        rule.write(output, Explanation(image, relevance).png())
    else:
        rule.write(output, f"{json_text(plain(RelevanceSchema.of(relevance)), indent=2)}\n".encode())


def explain_hits(
    hits: Sequence[SearchHit], text: str, folder: Path, explainer: Explainer, rule: OutputRule
) -> None:
    """Write the heat map of each hit's best frame into a folder. Raises ExportError."""
    from vidsearch.captions.export import safe_name
    from vidsearch.media.decode import frame_at
    from vidsearch.store.fingerprint import path_of

    paths = [
        folder / f"{rank:02d} {safe_name(hit.video.path.stem)}.png" for rank, hit in enumerate(hits, start=1)
    ]
    for path in paths:
        rule.check(path)
    for path, hit in zip(paths, hits, strict=True):
        try:
            image = frame_at(path_of(hit.video), hit.time_seconds).image
        except MediaError as error:
            console.warn(str(error))
            continue
        write(path, image, explainer.explain(image, text), rule)
        console.note(f"Wrote {console.shown_path(path)}")


def explain_captions(
    library: Store, video: Video, folder: Path, explainer: CaptionExplainer, rule: OutputRule
) -> None:
    """Write, for each frame that a model captioned itself, a sheet with a heat map for every word.

    Raises ExportError.
    """
    from vidsearch.media.decode import frame_at
    from vidsearch.models.heatmap import word_sheet
    from vidsearch.service.explaining import png
    from vidsearch.store.fingerprint import path_of

    source = path_of(video)
    frames = _captioned(library.frames(video.id))
    paths = [folder / f"caption_{number:03d}.png" for number in range(1, len(frames) + 1)]
    for path in paths:
        rule.check(path)
    for path, frame in zip(paths, frames, strict=True):
        image = frame_at(source, frame.time_seconds).image
        rule.write(path, png(word_sheet(image, explainer.explain_caption(image))))
        console.note(f"Wrote {console.shown_path(path)}")


def _captioned(frames: Sequence[IndexedFrame]) -> list[IndexedFrame]:
    return [frame for frame in frames if frame.caption is not None and not frame.caption.carried_over]
