"""From cosines to confidence."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from vidsearch.search import calibration
from vidsearch.search.calibration import Calibration, calibration_for, score_statistics
from vidsearch.types import Space

KNOWN = Calibration(
    intercept=-3.0, per_deviation=1.0, per_log_frames=-0.5, usual_mean=0.1, usual_deviation=0.05, likely=0.5
)


def test_confidence_rises_with_the_score_and_falls_with_the_number_of_frames():
    by_score = [KNOWN.confidence(score, 500) for score in (0, 2, 4, 8)]
    by_size = [KNOWN.confidence(4, frames) for frames in (50, 500, 5000)]
    assert by_score == sorted(by_score)
    assert by_size == sorted(by_size, reverse=True)
    assert all(0 <= sure <= 1 for sure in by_score + by_size)


def test_extreme_scores_do_not_overflow():
    assert (KNOWN.confidence(1e9, 1), KNOWN.confidence(-1e9, 1)) == pytest.approx((1.0, 0.0))


def test_a_few_frames_are_judged_by_what_is_usual_in_the_space():
    """With one frame its own score would be the mean, and nothing could ever stand out."""
    alone = score_statistics(np.array([0.4], dtype=np.float32), KNOWN)
    assert (0.4 - alone.mean) / alone.deviation > 3
    unknown = score_statistics(np.array([0.4], dtype=np.float32), replace(KNOWN, usual_mean=None))
    assert unknown.mean == pytest.approx(0.4)


def test_many_frames_speak_for_themselves():
    scores = np.random.default_rng(0).normal(0.3, 0.02, 5000).astype(np.float32)
    found = score_statistics(scores, KNOWN)
    assert (found.mean, found.deviation) == pytest.approx((0.3, 0.02), abs=0.003)


def test_a_map_is_used_for_the_very_weights_that_it_was_fitted_for(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "FOLDER", tmp_path)
    calibration_for.cache_clear()
    values = {name: getattr(KNOWN, name) for name in KNOWN.__slots__}
    (tmp_path / "default.json").write_text(
        json.dumps({**values, "usual_mean": None, "usual_deviation": None})
    )
    (tmp_path / "some--model.json").write_text(
        json.dumps({**values, "weights_digest": "new", "per_deviation": 2.0})
    )
    assert calibration_for(Space("some/model", "new", "", 3)).per_deviation == 2.0
    other = calibration_for(Space("some/model", "old", "", 3))
    assert (other.per_deviation, other.usual_mean) == (1.0, None)
    calibration_for.cache_clear()


def test_the_maps_that_are_shipped_can_be_read():
    for path in calibration.FOLDER.glob("*.json"):
        values = json.loads(path.read_text())
        values.pop("weights_digest", None)
        assert 0 < Calibration(**values).likely < 1
