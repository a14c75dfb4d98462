"""Many captions to one: which of a run's frame captions says best what the whole run shows.

Every method chooses among the captions that are there; none writes a new one, so that the answer is always
something a model said of a picture, or a person wrote. Knows no library and no model: captions, seconds and
vectors come in, one caption goes out.

The methods, each a function from `Evidence` to one score per distinct caption:

`majority`      The caption that stands longest: the baseline.
`mbr_words`     Minimum Bayes risk (Kumar and Byrne, "Minimum Bayes-Risk Decoding for Statistical Machine
                Translation", NAACL 2004): the caption with the highest expected similarity to what was said
                of a frame drawn at random. The similarity is CIDEr's (Vedantam, Zitnick and Parikh, CVPR
                2015): the mean over n = 1..4 of the cosine of n-gram counts; not its document frequencies,
                since within one video the words that all frames share are the very ones to keep.
`mbr_vectors`   The same with the cosine of the captions' text vectors as the similarity.
`consensus`     The caption whose text vector is nearest on average to the pictures themselves.
`combined`      `mbr_words` and `consensus` together, each in units of its own spread.

All similarities are inner products, so the expectation moves inside (DeNero, Chiang and Knight, "Fast
Consensus Decoding over Translation Forests", ACL 2009): each caption is compared once with the weighted mean,
and the work grows with the number of captions instead of its square.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.types import Caption, CaptionOrigin

if TYPE_CHECKING:
    from vidsearch.types import Float32

Method: TypeAlias = Literal["majority", "mbr_words", "mbr_vectors", "consensus", "combined"]

Float64: TypeAlias = NDArray[np.float64]

_MAX_NGRAM_WORDS = 4
_UNKNOWN_CONFIDENCE = 0.5
_LEAST_CONFIDENCE = 0.05


@dataclass(frozen=True, slots=True)
class AggregatedCaption:
    """The caption chosen for a run of frames."""

    text: str
    index: int
    """Position in the input of the frame it was taken from: of those that carry it, the one that the method
    values most."""
    support: float
    """Share of the run's weight, in [0, 1], that carries this very caption."""
    method: Method


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run of n frames that say m distinct things."""

    texts: tuple[str, ...]
    """(m,) distinct captions, in order of first appearance."""
    text_of_frame: NDArray[np.int64]
    """(n,) positions in `texts`."""
    weights: Float64
    """(n,) sum 1: how much of the run each frame stands for."""
    text_vectors: Float32 | None
    """(m, dim) unit rows."""
    image_vectors: Float32 | None
    """(n, dim) unit rows, in the space of `text_vectors`."""

    @property
    def text_weights(self) -> Float64:
        """(m,) sum 1: how much of the run says each text."""
        return np.bincount(self.text_of_frame, self.weights, minlength=len(self.texts)).astype(np.float64)


def confidence(caption: Caption) -> float:
    """Return how sure the caption's writer was, in (0, 1]: 1 for people, else its mean token probability."""
    if caption.origin is CaptionOrigin.HUMAN:
        return 1.0
    if caption.mean_logprob is None:
        return _UNKNOWN_CONFIDENCE
    return min(1.0, max(_LEAST_CONFIDENCE, math.exp(caption.mean_logprob)))


def aggregate(
    captions: Sequence[Caption],
    durations_seconds: Sequence[float],
    *,
    image_vectors: Float32 | None = None,
    text_vectors: Float32 | None = None,
    method: Method = "combined",
) -> AggregatedCaption | None:
    """Choose the caption that describes a run of frames best; None where no caption says anything.

    `captions` and `durations_seconds` go in step, one per frame, and so do `image_vectors` and
    `text_vectors`, float32 (n, dim), unit rows of one space: of the frame's picture, and of its caption's
    text. A frame weighs its duration times its caption's `confidence`. Without the vectors that a method
    needs, `mbr_words` decides. Ties go to the caption that comes first.
    """
    said = [i for i, caption in enumerate(captions) if caption.text]
    if not said:
        return None
    evidence = _evidence([captions[i] for i in said], [durations_seconds[i] for i in said])
    first_frames = np.unique(evidence.text_of_frame, return_index=True)[1]
    if text_vectors is not None and image_vectors is not None:
        rows = np.asarray(said)
        evidence = Evidence(
            evidence.texts,
            evidence.text_of_frame,
            evidence.weights,
            text_vectors=text_vectors[rows][first_frames],
            image_vectors=image_vectors[rows],
        )
    elif method in _NEEDS_VECTORS:
        method = "mbr_words"
    scores = METHODS[method](evidence)
    best = int(np.flatnonzero(scores >= scores.max() - 1e-9)[0])
    return AggregatedCaption(
        text=evidence.texts[best],
        index=said[_spokesman(evidence, best)],
        support=float(evidence.text_weights[best]),
        method=method,
    )


def _evidence(captions: Sequence[Caption], durations_seconds: Sequence[float]) -> Evidence:
    positions: dict[str, int] = {}
    text_of_frame = [positions.setdefault(caption.text, len(positions)) for caption in captions]
    seconds = np.maximum(np.asarray(durations_seconds, dtype=np.float64), 0.0)
    if seconds.sum() <= 0:
        seconds = np.ones(len(captions))
    weights = seconds * [confidence(caption) for caption in captions]
    return Evidence(tuple(positions), np.asarray(text_of_frame), weights / weights.sum(), None, None)


def _spokesman(evidence: Evidence, text: int) -> int:
    """Return the frame that best shows what the text says: the nearest one; without vectors, the heaviest."""
    frames = np.flatnonzero(evidence.text_of_frame == text)
    if evidence.image_vectors is not None and evidence.text_vectors is not None:
        return int(frames[np.argmax(evidence.image_vectors[frames] @ evidence.text_vectors[text])])
    return int(frames[np.argmax(evidence.weights[frames])])


def majority(evidence: Evidence) -> Float64:
    """Score each text by its share of the run."""
    return evidence.text_weights


def mbr_words(evidence: Evidence) -> Float64:
    """Score each text by its expected n-gram similarity, in [0, 1], to the run's captions."""
    counts = [_ngrams(text) for text in evidence.texts]
    total: list[defaultdict[tuple[str, ...], float]] = [defaultdict(float) for _ in range(_MAX_NGRAM_WORDS)]
    for by_length, weight in zip(counts, evidence.text_weights, strict=True):
        for sums, vector in zip(total, by_length, strict=True):
            for ngram, value in vector.items():
                sums[ngram] += weight * value
    return np.asarray(
        [
            sum(
                value * sums[ngram]
                for sums, vector in zip(total, by_length, strict=True)
                for ngram, value in vector.items()
            )
            / _MAX_NGRAM_WORDS
            for by_length in counts
        ]
    )


def _ngrams(text: str) -> list[dict[tuple[str, ...], float]]:
    """Return a text's n-gram counts, one unit vector for each n = 1..4; empty where it is too short."""
    words = re.findall(r"\w+", text.lower())
    vectors = []
    for length in range(1, _MAX_NGRAM_WORDS + 1):
        counts = Counter(tuple(words[i : i + length]) for i in range(len(words) - length + 1))
        norm = math.sqrt(sum(count * count for count in counts.values()))
        vectors.append({ngram: count / norm for ngram, count in counts.items()})
    return vectors


def mbr_vectors(evidence: Evidence) -> Float64:
    """Score each text by the expected cosine between its vector and those of the run's captions."""
    assert evidence.text_vectors is not None
    return evidence.text_vectors @ (evidence.text_weights @ evidence.text_vectors)


def consensus(evidence: Evidence) -> Float64:
    """Score each text by the expected cosine between its vector and those of the run's pictures."""
    assert evidence.text_vectors is not None
    assert evidence.image_vectors is not None
    return evidence.text_vectors @ (evidence.weights @ evidence.image_vectors)


def combined(evidence: Evidence) -> Float64:
    """Score each text by `mbr_words` plus `consensus`, each divided by its standard deviation."""
    return _standardised(mbr_words(evidence)) + _standardised(consensus(evidence))


def _standardised(scores: Float64) -> Float64:
    spread = scores.std()
    return (scores - scores.mean()) / spread if spread > 1e-9 else np.zeros_like(scores)


METHODS: dict[Method, Callable[[Evidence], Float64]] = {
    "majority": majority,
    "mbr_words": mbr_words,
    "mbr_vectors": mbr_vectors,
    "consensus": consensus,
    "combined": combined,
}
"""The seam: a new method is one function and one line here."""

_NEEDS_VECTORS = frozenset({"mbr_vectors", "consensus", "combined"})
