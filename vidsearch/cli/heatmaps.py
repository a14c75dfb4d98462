"""Heat maps as files: for `vidsearch explain`, `search --explain` and `captions show --explain`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.cli import console, loading
from vidsearch.errors import ExportError, MediaError

if TYPE_CHECKING:
    from vidsearch.models.protocols import CaptionExplainer, Explainer
    from vidsearch.models.relevance import Relevance
    from vidsearch.store.library import Library
    from vidsearch.types import IndexedFrame, SearchHit, UInt8Image, Video


def load_explainer(name: str, *, device: str) -> Explainer:
    """What explains the matches of an embedder."""
    from vidsearch.models.registry import load_explainer as load

    return load(name, device=loading.pick_device(name, device=device, precision="fp32"))


def load_caption_explainer(name: str, *, device: str) -> CaptionExplainer:
    """What explains the captions of a captioner, word by word."""
    from vidsearch.models.registry import load_caption_explainer as load

    return load(name, device=loading.pick_device(name, device=device, precision="fp32"))


def png(picture: UInt8Image) -> bytes:
    """A picture as a PNG file."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def write(output: Path, image: UInt8Image, relevance: Relevance) -> None:
    """Write a heat map over its image as .png, or its numbers as .json. Raises ExportError."""
    from vidsearch.models.heatmap import overlay

    suffix = output.suffix.lower()
    if suffix not in (".png", ".json"):
        raise ExportError(f"{output} is neither .png nor .json: name one of them.")
    data = (
        png(overlay(image, relevance))
        if suffix == ".png"
        else (json.dumps(relevance.as_dict(), ensure_ascii=False, indent=2) + "\n").encode()
    )
    _write(output, data)


def explain_hits(hits: Sequence[SearchHit], text: str, folder: Path, explainer: Explainer) -> None:
    """Write the heat map of each hit's best frame into a folder."""
    from vidsearch.captions.export import safe_name
    from vidsearch.media.decode import frame_at

    for rank, hit in enumerate(hits, start=1):
        try:
            image = frame_at(hit.video.path, hit.time_seconds).image
        except MediaError as error:
            console.warn(console.printable(error))
            continue
        path = folder / f"{rank:02d} {safe_name(hit.video.path.stem)}.png"
        write(path, image, explainer.explain(image, text))
        console.note(f"Wrote {console.shown_path(path)}")


def explain_captions(library: Library, video: Video, folder: Path, explainer: CaptionExplainer) -> None:
    """Write, for each frame that a model captioned itself, a sheet with a heat map for every word."""
    from vidsearch.media.decode import frame_at
    from vidsearch.models.heatmap import word_sheet

    for number, frame in enumerate(_captioned(library.frames(video.id)), start=1):
        image = frame_at(video.path, frame.time_seconds).image
        path = folder / f"caption_{number:03d}.png"
        _write(path, png(word_sheet(image, explainer.explain_caption(image))))
        console.note(f"Wrote {console.shown_path(path)}")


def _captioned(frames: Sequence[IndexedFrame]) -> list[IndexedFrame]:
    return [frame for frame in frames if frame.caption is not None and not frame.caption.carried_over]


def _write(path: Path, data: bytes) -> None:
    from vidsearch.captions.export.files import written_whole

    with written_whole(path) as out:
        out.write(data)
