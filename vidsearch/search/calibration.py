"""From a cosine to a confidence: the probability that a library holds what was asked for.

A cosine means another thing in each space and for each query. So what is looked at is how far a hit stands
above what the same query scores against *usual* pictures, in deviations; and how many frames there are, since
the best of many scores high by chance alone. A logistic map of the two, fitted once per space on photographs
with human captions (`benchmarks/calibration.py`), gives a probability.

Usual pictures are those of the fit, kept as their mean vector. (Not the library's own: in one that shows a
single thing all day, nothing that fits it would ever stand out.) The maps are JSON files beside this module,
by the model's name, and hold the digest of the weights that they were fitted for. Any other space gets
`default.json`, and the library's own frames for usual ones. It knows no query and no library.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vidsearch.types import Float32, Space

FOLDER = Path(__file__).with_name("calibrations")


@dataclass(frozen=True, slots=True)
class ScoreStatistics:
    """What a query scores against a library at large."""

    mean: float
    deviation: float

    def standard(self, cosines: Float32) -> Float32:
        """Standard scores: how many deviations above the mean."""
        return ((cosines - self.mean) / self.deviation).astype(np.float32)


@dataclass(frozen=True, slots=True)
class UsualPictures:
    """What pictures of all kinds score in a space."""

    mean: Float32
    """Their mean vector, (dim,)."""
    deviation: float
    """Of the cosines of a caption with pictures that are not its own, on average over captions."""

    def scores(self, vector: Float32) -> ScoreStatistics:
        """What a query's unit vector scores against them."""
        return ScoreStatistics(float(self.mean @ vector), self.deviation)


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic map for one space, and what is usual in it."""

    intercept: float
    per_deviation: float
    """Log-odds per deviation that the hit stands above usual pictures."""
    per_log_frames: float
    """Log-odds per natural logarithm of the number of distinct frames; negative."""
    likely: float
    """From this confidence on, a hit is worth showing as one."""
    usual: UsualPictures | None = None

    def confidence(self, height: float, num_frames: float) -> float:
        """Probability in [0, 1], were this the best hit, that the library holds what was asked for.

        `height` is in deviations above usual pictures, see `reference`.
        """
        log_frames = math.log(max(num_frames, 1.0))
        log_odds = self.intercept + self.per_deviation * height + self.per_log_frames * log_frames
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, log_odds))))

    def reference(self, vector: Float32, sample: Float32) -> ScoreStatistics:
        """What a query's vector scores against usual pictures; where none are known, a library's sample."""
        return library_scores(vector, sample) if self.usual is None else self.usual.scores(vector)


_LEAST_DEVIATION = 1e-3


def library_scores(vector: Float32, sample: Float32) -> ScoreStatistics:
    """What a query's unit vector scores against a sample of a library, (n, dim) unit rows."""
    cosines = sample @ vector
    return ScoreStatistics(float(cosines.mean()), max(float(cosines.std()), _LEAST_DEVIATION))


@cache
def calibration_for(space: Space) -> Calibration:
    """The map fitted for a space's very weights, else the default one."""
    path = path_of(space.model)
    if path.is_file():
        values = json.loads(path.read_text())
        if values["weights_digest"] == space.weights_digest:
            return from_json(values)
    return from_json(json.loads((FOLDER / "default.json").read_text()))


def path_of(model: str) -> Path:
    """Where a model's map is kept."""
    return FOLDER / (re.sub(r"[^A-Za-z0-9._-]+", "--", model) + ".json")


def to_json(calibration: Calibration, weights_digest: str) -> dict[str, Any]:
    """Plain data that `from_json` reads."""
    values: dict[str, Any] = {"weights_digest": weights_digest, **asdict(calibration)}
    if calibration.usual is not None:
        values["usual"]["mean"] = _packed(calibration.usual.mean)
    return values


def from_json(values: Mapping[str, Any]) -> Calibration:
    """Read what `to_json` gives."""
    usual = values["usual"]
    return Calibration(
        intercept=values["intercept"],
        per_deviation=values["per_deviation"],
        per_log_frames=values["per_log_frames"],
        likely=values["likely"],
        usual=None if usual is None else UsualPictures(_unpacked(usual["mean"]), usual["deviation"]),
    )


def _packed(numbers: Float32) -> str:
    """Half-precision numbers as text."""
    return base64.b64encode(numbers.astype("<f2").tobytes()).decode()


def _unpacked(text: str) -> Float32:
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
