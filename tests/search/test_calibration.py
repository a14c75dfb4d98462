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
    ConfidenceMap,
    Reference,
    ScoreStatistics,
    UsualPictures,
    calibration_for,
    from_json,
    to_json,
)
from vidsearch.types import EmbeddingSpace

QUERY = np.array([1.0, 0.0], dtype=np.float32)
WORDS = ConfidenceMap(
    intercept=-3.0, per_height=1.0, per_usual_height=-0.25, per_log_frames=-0.5, possible=0.2, found=0.6
)
SENTENCE = replace(WORDS, intercept=-4.0)
PICTURES = replace(WORDS, intercept=-9.0)
USUAL = UsualPictures(centres=np.array([[0.1, 0.0], [0.3, 0.8]], dtype=np.float32), deviation=0.05)
KNOWN = Calibration(WORDS, SENTENCE, PICTURES, USUAL)
LIBRARY = ScoreStatistics(mean=0.5, deviation=0.1)


def test_confidence_rises_with_the_score_and_falls_with_the_number_of_frames():
    by_height = [log_odds(height, 1, 500) for height in (0, 2, 4, 8)]
    by_size = [log_odds(4, 1, frames) for frames in (50, 500, 5000)]
    assert by_height == sorted(by_height)
    assert by_size == sorted(by_size, reverse=True)


def log_odds(height, usual_height, num_frames):
    return float(WORDS.log_odds(np.array(height), usual_height, num_frames))


def test_what_usual_pictures_fit_well_must_be_met_by_a_higher_hit():
    assert log_odds(4, 3, 500) < log_odds(4, 1, 500)


def test_the_map_is_linear_in_log_odds():
    assert log_odds(4, 2, 100) == pytest.approx(-3 + 4 - 0.5 - 0.5 * math.log(100))


def test_usual_pictures_are_the_measure_and_not_a_library_that_shows_one_thing_all_day():
    usual = KNOWN.reference(QUERY, LIBRARY)
    assert (usual.mean, usual.deviation, usual.usual_height) == pytest.approx((0.2, 0.05, 2.0))
    assert usual.height(0.35) == pytest.approx(3.0)
    assert replace(KNOWN, usual=None).reference(QUERY, LIBRARY) == Reference(0.5, 0.1, 0.0)


def test_words_sentences_and_pictures_have_a_map_each():
    maps = [KNOWN.map_for(asked) for asked in ("words", "sentence", "pictures")]
    assert maps == [WORDS, SENTENCE, PICTURES]


def test_a_map_is_used_for_the_very_weights_that_it_was_fitted_for(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "FOLDER", tmp_path)
    calibration_for.cache_clear()
    (tmp_path / "default.json").write_text(json.dumps(to_json(replace(KNOWN, usual=None), "")))
    (tmp_path / "some--model.json").write_text(json.dumps(to_json(KNOWN, "new")))
    fitted, other = (
        calibration_for(EmbeddingSpace("some/model", digest, "", 2)) for digest in ("new", "old")
    )
    calibration_for.cache_clear()
    assert (fitted.words, fitted.sentence, fitted.pictures) == (WORDS, SENTENCE, PICTURES)
    assert other == replace(KNOWN, usual=None)
    assert fitted.usual is not None
    np.testing.assert_allclose(fitted.usual.centres, USUAL.centres, atol=0.8 / 254)


def test_the_maps_that_are_shipped_can_be_read():
    for path in calibration.FOLDER.glob("*.json"):
        found = from_json(json.loads(path.read_text()))
        for fitted in (found.words, found.sentence, found.pictures):
            assert 0 < fitted.possible < fitted.found < 1
            assert fitted.per_height > 0 > fitted.per_log_frames
            assert (fitted.per_usual_height != 0) == (found.usual is not None)


def test_mini_has_a_map_for_the_weights_that_are_shipped():
    from vidsearch.models.mini import weights

    space = weights.space()
    usual = calibration_for(space).usual
    assert usual is not None
    assert usual.centres.shape[1] == space.dim
