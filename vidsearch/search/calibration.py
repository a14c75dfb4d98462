"""From a cosine to a confidence: the probability that a frame shows what was asked for.

A cosine means another thing in each space, for each query and in each library. So it is first made a
standard score: how many standard deviations it lies above what the same query scores against the library
at large. The best of many frames scores high by chance alone, the more so the more frames there are, so the
number of distinct frames counts too. A logistic map of the two, fitted once per space on photographs with
human captions (`benchmarks/calibration.py`), gives a probability.

The maps are JSON files beside this module, by the model's name, and hold the digest of the weights that they
were fitted for. A space without a map of its own, or with other weights, gets `default.json`: standard scores
are nearly alike across spaces, which is why that works at all. It knows no query and no library.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32, Space

FOLDER = Path(__file__).with_name("calibrations")


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic map for one space, and what is usual in it."""

    intercept: float
    per_deviation: float
    """Log-odds per standard deviation above the library's mean."""
    per_log_frames: float
    """Log-odds per natural logarithm of the number of distinct frames; negative."""
    usual_mean: float | None
    """Mean cosine of unrelated texts and pictures; None where not known."""
    usual_deviation: float | None
    likely: float
    """From this confidence on, a hit is worth showing as one."""

    def confidence(self, standard_score: float, num_frames: float) -> float:
        """Probability in [0, 1] that a frame with this standard score is what was asked for."""
        log_odds = (
            self.intercept
            + self.per_deviation * standard_score
            + self.per_log_frames * math.log(max(num_frames, 1.0))
        )
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, log_odds))))


@dataclass(frozen=True, slots=True)
class ScoreStatistics:
    """What a query scores against a library at large."""

    mean: float
    deviation: float

    def standard(self, cosines: Float32) -> Float32:
        """Standard scores: how many deviations above the mean."""
        return ((cosines - self.mean) / self.deviation).astype(np.float32)


PRIOR_FRAMES = 20
"""How many frames' worth of evidence what is usual in a space weighs against the library's own frames."""
_LEAST_DEVIATION = 1e-3


def score_statistics(cosines: Float32, calibration: Calibration) -> ScoreStatistics:
    """Mean and deviation of a query's cosines against a sample of the library.

    A handful of frames says little of what is usual, so the space's own usual values count as
    `PRIOR_FRAMES` frames more, where they are known.
    """
    if calibration.usual_mean is None or calibration.usual_deviation is None:
        return ScoreStatistics(float(cosines.mean()), max(float(cosines.std()), _LEAST_DEVIATION))
    total = len(cosines) + PRIOR_FRAMES
    mean = (float(cosines.sum()) + PRIOR_FRAMES * calibration.usual_mean) / total
    variance = (len(cosines) * float(cosines.var()) + PRIOR_FRAMES * calibration.usual_deviation**2) / total
    return ScoreStatistics(mean, max(math.sqrt(variance), _LEAST_DEVIATION))


@cache
def calibration_for(space: Space) -> Calibration:
    """The map fitted for a space's very weights, else the default one without what is usual in it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "--", space.model)
    path = FOLDER / f"{name}.json"
    if path.is_file():
        values = json.loads(path.read_text())
        if values.pop("weights_digest") == space.weights_digest:
            return Calibration(**values)
    return Calibration(**json.loads((FOLDER / "default.json").read_text()))
