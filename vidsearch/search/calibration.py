"""From a cosine to a confidence: the probability that a library holds what was asked for.

The scale of cosines differs between spaces and queries. The map therefore uses three features:

- how far a hit stands above the query's mean score against *usual* pictures, in standard deviations;
- how far the best-fitting usual pictures stand above it;
- the number of frames, since the maximum of many scores is high by chance.

A logistic map of the three, fitted once per space on photographs with human captions
(`benchmarks/calibration.py`), gives a probability. There are three maps: for one or two words, which score
lower and fit more pictures than a sentence; for sentences; and for pictures, which lie closer to each other
than to words.

Usual pictures come from the fitting data, stored as cluster centres. They are not the library's own, because
in a library that shows one thing all day, nothing that fits it would stand out. The maps are JSON files
beside this module, named after the model, with the digest of the weights that they were fitted for. Any other
space uses `default.json`, with the library's own frames as usual pictures.
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
    """Mean and spread of a query's scores."""

    mean: float
    deviation: float

    def standard(self, cosines: Float32) -> Float32:
        """Standard scores: deviations above the mean."""
        return ((cosines - self.mean) / self.deviation).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Reference:
    """A query's scores against usual pictures."""

    mean: float
    deviation: float
    usual_height: float = 0.0
    """How far the best-fitting usual pictures stand above the mean, in deviations; 0 if unknown."""

    def height(self, cosines: Float64 | float) -> Float64:
        """How far hits stand above the mean, in deviations."""
        return np.asarray((cosines - self.mean) / self.deviation)


@dataclass(frozen=True, slots=True)
class UsualPictures:
    """The usual pictures of a space."""

    centres: Float32
    """Cluster centres, (clusters, dim)."""
    deviation: float
    """Standard deviation of a caption's cosines with other photographs, averaged over captions."""

    def scores(self, vector: Float32) -> Reference:
        """The scores of a query's unit vector against them."""
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
    """Log-odds per deviation of the best-fitting usual pictures."""
    per_log_frames: float
    """Log-odds per natural logarithm of the number of distinct frames; negative."""
    possible: float
    """Hits below this confidence are only close."""
    found: float
    """Hits at or above this confidence count as found."""

    def log_odds(self, heights: Float64, usual_height: float, num_frames: float) -> Float64:
        """Log-odds that the library has what was asked for, were each height the best hit's.

        Heights are in deviations; see `Reference`.
        """
        return np.asarray(
            self.intercept
            + self.per_height * heights
            + self.per_usual_height * usual_height
            + self.per_log_frames * math.log(max(num_frames, 1.0))
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """A space's maps and usual pictures."""

    words: ConfidenceMap
    """For queries of one or two telling words."""
    sentence: ConfidenceMap
    pictures: ConfidenceMap
    usual: UsualPictures | None = None

    def map_for(self, asked: Asked) -> ConfidenceMap:
        """The map for a kind of query."""
        maps = {"words": self.words, "sentence": self.sentence, "pictures": self.pictures}
        return maps[asked]

    def reference(self, vector: Float32, library: ScoreStatistics) -> Reference:
        """A query's scores against usual pictures, or against the library if none are known."""
        if self.usual is None:
            return Reference(library.mean, library.deviation)
        return self.usual.scores(vector)


_LEAST_DEVIATION = 1e-3


def library_scores(vector: Float32, sample: Float32) -> ScoreStatistics:
    """A query's scores against a sample of the library, (n, dim) unit rows."""
    cosines = similarities(sample, vector)
    return ScoreStatistics(float(cosines.mean()), max(float(cosines.std()), _LEAST_DEVIATION))


@cache
def calibration_for(space: EmbeddingSpace) -> Calibration:
    """The maps fitted for exactly these weights, else the default ones."""
    path = path_of(space.model)
    if path.is_file():
        values = json.loads(path.read_text())
        if values["weights_digest"] == space.weights_digest:
            return from_json(values)
    return from_json(json.loads((FOLDER / "default.json").read_text()))


def path_of(model: str) -> Path:
    """The file of a model's maps."""
    return FOLDER / (re.sub(r"[^A-Za-z0-9._-]+", "--", model) + ".json")


def to_json(calibration: Calibration, weights_digest: str) -> dict[str, Any]:
    """Plain data for `from_json`."""
    values: dict[str, Any] = {"weights_digest": weights_digest, **asdict(calibration)}
    if calibration.usual is not None:
        values["usual"]["centres"] = _packed(calibration.usual.centres)
    return values


def from_json(values: Mapping[str, Any]) -> Calibration:
    """Read the output of `to_json`."""
    usual = values["usual"]
    return Calibration(
        words=ConfidenceMap(**values["words"]),
        sentence=ConfidenceMap(**values["sentence"]),
        pictures=ConfidenceMap(**values["pictures"]),
        usual=None if usual is None else UsualPictures(_unpacked(usual["centres"]), usual["deviation"]),
    )


def _packed(numbers: Float32) -> dict[str, Any]:
    """Quantise an array to 255 steps, as text; cosines with centres change by less than 0.001."""
    step = max(float(np.abs(numbers).max()), 1e-9) / 127
    steps = np.round(numbers / step).astype(np.int8)
    return {"columns": numbers.shape[1], "step": step, "steps": base64.b64encode(steps.tobytes()).decode()}


def _unpacked(values: Mapping[str, Any]) -> Float32:
    steps = np.frombuffer(base64.b64decode(values["steps"]), dtype=np.int8)
    return steps.reshape(-1, values["columns"]).astype(np.float32) * np.float32(values["step"])
