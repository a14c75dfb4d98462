"""From a cosine to a confidence: the probability that a library holds what was asked for.

A cosine means another thing in each space and for each query. Three things are looked at:

- how far a hit stands above what the same query scores against *usual* pictures on average;
- how far the usual pictures that fit the query best do;
- how many frames there are, since the best of many scores high by chance alone.

A logistic map of the three, fitted once per space on photographs with human captions
(`benchmarks/calibration.py`), gives a probability. There are three maps: for one or two words, which score
lower and fit more pictures than a sentence; for sentences; and for pictures, which lie closer to each other
than words do.

Usual pictures are those of the fit, kept as the centres of their clusters. (Not the library's own: in one
that shows a single thing all day, nothing that fits it would ever stand out.) The maps are JSON files beside
this module, by the model's name, and hold the digest of the weights that they were fitted for. Any other
space gets `default.json`, and the library's own frames for usual ones.
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
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vidsearch.store.similarity import similarities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsearch.search.query import Asked
    from vidsearch.types import EmbeddingSpace, Float32

    Float64: TypeAlias = NDArray[np.float64]

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
class Reference:
    """What a query scores against usual pictures."""

    mean: float
    deviation: float
    usual_height: float = 0.0
    """How far the usual pictures that fit best stand above the mean, in deviations; 0 where unknown."""

    def height(self, cosines: Float64 | float) -> Float64:
        """How far hits stand above the mean, in deviations."""
        return np.asarray((cosines - self.mean) / self.deviation)


@dataclass(frozen=True, slots=True)
class UsualPictures:
    """What pictures of all kinds score in a space."""

    centres: Float32
    """Means of clusters of pictures that look alike, (clusters, dim)."""
    deviation: float
    """Of the cosines of a caption with pictures that are not its own, on average over captions."""

    def scores(self, vector: Float32) -> Reference:
        """What a query's unit vector scores against them."""
        cosines = similarities(self.centres, vector)
        mean = float(cosines.mean())
        return Reference(mean, self.deviation, (float(cosines.max()) - mean) / self.deviation)


@dataclass(frozen=True, slots=True)
class ConfidenceMap:
    """A logistic map, for one kind of query in one space."""

    intercept: float
    per_height: float
    """Log-odds per deviation that the hit stands above usual pictures."""
    per_usual_height: float
    """Log-odds per deviation that the usual pictures which fit best do."""
    per_log_frames: float
    """Log-odds per natural logarithm of the number of distinct frames; negative."""
    possible: float
    """Below this confidence a hit is merely close."""
    found: float
    """From this confidence on a hit counts as what was asked for."""

    def log_odds(self, heights: Float64, usual_height: float, num_frames: float) -> Float64:
        """Log-odds, for each height as the best hit's, that the library holds what was asked for.

        Heights are in deviations, see `Reference`.
        """
        return np.asarray(
            self.intercept
            + self.per_height * heights
            + self.per_usual_height * usual_height
            + self.per_log_frames * math.log(max(num_frames, 1.0))
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """The maps of one space, and what is usual in it."""

    words: ConfidenceMap
    """For queries of one or two telling words."""
    sentence: ConfidenceMap
    pictures: ConfidenceMap
    usual: UsualPictures | None = None

    def map_for(self, asked: Asked) -> ConfidenceMap:
        """The map for what a query is made of."""
        maps = {"words": self.words, "sentence": self.sentence, "pictures": self.pictures}
        return maps[asked]

    def reference(self, vector: Float32, library: ScoreStatistics) -> Reference:
        """What a query's vector scores against usual pictures; where none are known, against the library."""
        if self.usual is None:
            return Reference(library.mean, library.deviation)
        return self.usual.scores(vector)


_LEAST_DEVIATION = 1e-3


def library_scores(vector: Float32, sample: Float32) -> ScoreStatistics:
    """What a query's unit vector scores against a sample of a library, (n, dim) unit rows."""
    cosines = similarities(sample, vector)
    return ScoreStatistics(float(cosines.mean()), max(float(cosines.std()), _LEAST_DEVIATION))


@cache
def calibration_for(space: EmbeddingSpace) -> Calibration:
    """The maps fitted for a space's very weights, else the default ones."""
    path = path_of(space.model)
    if path.is_file():
        values = json.loads(path.read_text())
        if values["weights_digest"] == space.weights_digest:
            return from_json(values)
    return from_json(json.loads((FOLDER / "default.json").read_text()))


def path_of(model: str) -> Path:
    """Where a model's maps are kept."""
    return FOLDER / (re.sub(r"[^A-Za-z0-9._-]+", "--", model) + ".json")


def to_json(calibration: Calibration, weights_digest: str) -> dict[str, Any]:
    """Plain data that `from_json` reads."""
    values: dict[str, Any] = {"weights_digest": weights_digest, **asdict(calibration)}
    if calibration.usual is not None:
        values["usual"]["centres"] = _packed(calibration.usual.centres)
    return values


def from_json(values: Mapping[str, Any]) -> Calibration:
    """Read what `to_json` gives."""
    usual = values["usual"]
    return Calibration(
        words=ConfidenceMap(**values["words"]),
        sentence=ConfidenceMap(**values["sentence"]),
        pictures=ConfidenceMap(**values["pictures"]),
        usual=None if usual is None else UsualPictures(_unpacked(usual["centres"]), usual["deviation"]),
    )


def _packed(numbers: Float32) -> dict[str, Any]:
    """Numbers as text, in 255 steps: a cosine with a centre is off by less than 0.001."""
    step = max(float(np.abs(numbers).max()), 1e-9) / 127
    steps = np.round(numbers / step).astype(np.int8)
    return {"columns": numbers.shape[1], "step": step, "steps": base64.b64encode(steps.tobytes()).decode()}


def _unpacked(values: Mapping[str, Any]) -> Float32:
    steps = np.frombuffer(base64.b64decode(values["steps"]), dtype=np.int8)
    return steps.reshape(-1, values["columns"]).astype(np.float32) * np.float32(values["step"])
