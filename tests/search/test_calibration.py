"""From cosines to confidence."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from vidsearch.search import calibration
from vidsearch.search.calibration import (
    Calibration,
    UsualPictures,
    calibration_for,
    from_json,
    to_json,
)
from vidsearch.types import Space

QUERY = np.array([1.0, 0.0], dtype=np.float32)
PICTURES = UsualPictures(mean=np.array([0.1, 0.0], dtype=np.float32), deviation=0.05)
KNOWN = Calibration(intercept=-3.0, per_deviation=1.0, per_log_frames=-0.5, likely=0.5, usual=PICTURES)
SAMPLE = np.array([[0.4, 0.9], [0.6, 0.8]], dtype=np.float32)


def test_confidence_rises_with_the_score_and_falls_with_the_number_of_frames():
    by_height = [KNOWN.confidence(height, 500) for height in (0, 2, 4, 8)]
    by_size = [KNOWN.confidence(4, frames) for frames in (50, 500, 5000)]
    assert by_height == sorted(by_height)
    assert by_size == sorted(by_size, reverse=True)
    assert all(0 <= sure <= 1 for sure in by_height + by_size)


def test_the_map_is_logistic():
    assert KNOWN.confidence(4, 100) == pytest.approx(1 / (1 + math.exp(3 - 4 + 0.5 * math.log(100))))


def test_extreme_scores_do_not_overflow():
    assert (KNOWN.confidence(1e9, 1), KNOWN.confidence(-1e9, 1)) == pytest.approx((1.0, 0.0))


def test_usual_pictures_are_the_measure_and_not_a_library_that_shows_one_thing_all_day():
    usual = KNOWN.reference(QUERY, SAMPLE)
    assert (usual.mean, usual.deviation) == pytest.approx((0.1, 0.05))
    unknown = replace(KNOWN, usual=None).reference(QUERY, SAMPLE)
    assert (unknown.mean, unknown.deviation) == pytest.approx((0.5, 0.1))


def test_a_map_is_used_for_the_very_weights_that_it_was_fitted_for(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "FOLDER", tmp_path)
    calibration_for.cache_clear()
    (tmp_path / "default.json").write_text(json.dumps(to_json(replace(KNOWN, usual=None), "")))
    (tmp_path / "some--model.json").write_text(json.dumps(to_json(KNOWN, "new")))
    fitted, other = (calibration_for(Space("some/model", digest, "", 2)) for digest in ("new", "old"))
    calibration_for.cache_clear()
    assert (fitted.intercept, other.intercept, other.usual) == (-3.0, -3.0, None)
    assert fitted.usual is not None
    np.testing.assert_allclose(fitted.usual.mean, PICTURES.mean, rtol=1e-3)


def test_the_maps_that_are_shipped_can_be_read():
    for path in calibration.FOLDER.glob("*.json"):
        found = from_json(json.loads(path.read_text()))
        assert 0 < found.likely < 1
        assert found.per_deviation > 0 > found.per_log_frames
