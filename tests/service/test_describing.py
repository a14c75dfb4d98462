"""A model that reads several frames at once describes a video of a library: with tiny models."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.clips import colour_clip
from vidsearch import Library


@pytest.mark.parametrize("family", ["smolvlm", "qwen_vl"])
def test_a_whole_video_is_described_by_a_checkpoint(tmp_path: Path, family: str):
    from tests.tiny_models import save_tiny_smolvlm
    from tests.tiny_qwen_vl import save_tiny_qwen_vl

    save = {"smolvlm": save_tiny_smolvlm, "qwen_vl": save_tiny_qwen_vl}[family]
    checkpoint = save(tmp_path / family)
    video = colour_clip(tmp_path / "a.mkv", ["red", "blue", "green"])
    with Library.create(tmp_path / "library") as library:
        library.index(video, models="mini", captions=False)
        report = library.describe(captioner=str(checkpoint), level="video", num_words=4, device="cpu")
        assert report.failures == ()
        (track,) = (each for each in library.store.tracks(1) if each.spec.producer.endswith(family))
        (segment,) = library.store.segments(track.id)
        assert (segment.start_seconds, round(segment.end_seconds, 2)) == (0.0, 3.0)
        assert segment.text
