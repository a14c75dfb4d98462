"""Chooses the frame caption that describes a whole run of frames best.

All methods choose one of the existing captions, so that the result is always something that a model said
about a picture, or that a person wrote.

The methods, each a function from `Evidence` to one score per distinct caption:

`majority`      The caption with the longest total duration: the baseline.
`mbr_words`     Minimum Bayes risk (Kumar and Byrne, "Minimum Bayes-Risk Decoding for Statistical Machine
                Translation", NAACL 2004): the caption with the highest expected similarity to the caption of
                a random frame. The similarity is that of CIDEr (Vedantam, Zitnick and Parikh, CVPR 2015): the
                mean over n = 1..4 of the cosine of n-gram counts, but without its document frequencies, since
                the words that all frames of a video share are the ones to keep.
`mbr_vectors`   The same with the cosine of the captions' text vectors as the similarity.
`consensus`     The caption whose text vector is nearest to the pictures on average.
`combined`      The sum of `mbr_words` and `consensus`, each divided by its standard deviation.

All similarities are inner products, so the expectation can be moved inside (DeNero, Chiang and Knight, "Fast
Consensus Decoding over Translation Forests", ACL 2009): each caption is compared once with the weighted mean,
and the cost is linear in the number of captions instead of quadratic.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vidsearch.ngrams import count_ngrams
from vidsearch.types import UNCLEAR_CAPTION, Caption, CaptionOrigin

if TYPE_CHECKING:
    from vidsearch.types import Float32

Method: TypeAlias = Literal["majority", "mbr_words", "mbr_vectors", "consensus", "combined"]

DEFAULT_METHOD: Method = "mbr_words"
"""The best one measured: docs/captions.md."""

Float64: TypeAlias = NDArray[np.float64]

_MAX_NGRAM_WORDS = 4
_UNKNOWN_CONFIDENCE = 0.5
_LEAST_CONFIDENCE = 0.05
_MAX_EMBEDDED_TEXTS = 64
_ENOUGH_MADE_OUT = 1 / 3


@dataclass(frozen=True, slots=True)
class AggregatedCaption:
    """The caption chosen for a run of frames."""

    text: str
    index: int
    """The index of the frame that it was taken from: the best one with this caption, by the method."""
    support: float
    """The share of the run's weight with exactly this caption, in [0, 1]."""
    method: Method | Literal["written"]
    """"written" if a model wrote it for the whole run."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The data of a run of n frames, and the m captions to choose from."""

    texts: tuple[str, ...]
    """(m,) distinct captions, in order of first appearance."""
    text_weights: Float64
    """(m,): each text's share of the run. Sums to 1 if no text was left out."""
    frame_weights: Float64
    """(n,): each frame's share of the run. Sums to 1."""
    text_vectors: Float32 | None = None
    """(m, dim) unit rows."""
    image_vectors: Float32 | None = None
    """(n, dim) unit rows, in the space of `text_vectors`."""


def confidence(caption: Caption) -> float:
    """Return a caption's confidence in (0, 1]: 1 for people's, otherwise its mean token probability."""
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
    embed_texts: Callable[[Sequence[str]], Float32] | None = None,
    method: Method = DEFAULT_METHOD,
    by_confidence: bool = False,
) -> AggregatedCaption | None:
    """Choose the caption that describes a run of frames best.

    If at least a third of the run has a descriptive caption, captions that say that a picture is unclear are
    ignored. If there are very many distinct captions, only the best by `mbr_words` are embedded. Ties go to
    the caption that comes first.

    Args:
        captions: One for each frame.
        durations_seconds: One for each frame: its weight.
        image_vectors: Unit rows, float32 (n, dim), one for each frame.
        embed_texts: Returns unit rows of texts in the same space.
        method: How to choose. Without the vectors that a method needs, `mbr_words` is used.
        by_confidence: Whether to multiply weights by the captions' `confidence`.

    Returns:
        The caption; None if no frame has one.
    """
    said = _telling(captions, durations_seconds)
    if len(said) == 0:
        return None
    positions: dict[str, int] = {}
    text_of_frame = np.asarray([positions.setdefault(captions[i].text, len(positions)) for i in said])
    sure = np.asarray([confidence(captions[i]) if by_confidence else 1.0 for i in said])
    frame_weights = _weights(np.asarray([durations_seconds[i] for i in said], dtype=np.float64), sure)
    text_weights = np.bincount(text_of_frame, frame_weights).astype(np.float64)
    evidence = Evidence(tuple(positions), text_weights, frame_weights)
    if method in _NEEDS_VECTORS:
        if image_vectors is None or embed_texts is None:
            method = "mbr_words"
        else:
            evidence = _with_vectors(evidence, image_vectors[said], embed_texts)
    scores = METHODS[method](evidence)
    best = int(np.flatnonzero(scores >= scores.max() - 1e-9)[0])
    text = evidence.texts[best]
    frames = np.flatnonzero(text_of_frame == positions[text])
    values = frame_weights[frames]
    if image_vectors is not None and embed_texts is not None and len(frames) > 1:
        values = image_vectors[said[frames]] @ embed_texts([text])[0]
    return AggregatedCaption(
        text=text,
        index=int(said[frames[np.argmax(values)]]),
        support=float(evidence.text_weights[best]),
        method=method,
    )


def _telling(captions: Sequence[Caption], durations_seconds: Sequence[float]) -> NDArray[np.int64]:
    """The indexes of the frames whose captions count."""
    worded = [i for i, caption in enumerate(captions) if caption.text]
    clear = [i for i in worded if captions[i].text != UNCLEAR_CAPTION]
    made_out, in_all = (sum(durations_seconds[i] for i in frames) for frames in (clear, worded))
    enough = clear and made_out >= _ENOUGH_MADE_OUT * in_all
    return np.asarray(clear if enough else worded, dtype=np.int64)


def _weights(seconds: Float64, sure: Float64) -> Float64:
    seconds = np.maximum(seconds, 0.0)
    if seconds.sum() <= 0:
        seconds = np.ones(len(seconds))
    weights: Float64 = seconds * sure
    weights /= weights.sum()
    return weights


def _with_vectors(
    evidence: Evidence, image_vectors: Float32, embed_texts: Callable[[Sequence[str]], Float32]
) -> Evidence:
    """Add the vectors. Of many texts, only the best by `mbr_words` are kept, as embedding is slow."""
    kept = np.arange(len(evidence.texts))
    if len(kept) > _MAX_EMBEDDED_TEXTS:
        kept = np.sort(np.argsort(-mbr_words(evidence), kind="stable")[:_MAX_EMBEDDED_TEXTS])
    texts = tuple(evidence.texts[i] for i in kept)
    return Evidence(
        texts, evidence.text_weights[kept], evidence.frame_weights, embed_texts(texts), image_vectors
    )


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
    """Return a text's n-gram counts, one unit vector for each n = 1..4, empty if it is too short."""
    words = re.findall(r"\w+", text.lower())
    vectors = []
    for counts in count_ngrams(words, _MAX_NGRAM_WORDS):
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
    return evidence.text_vectors @ (evidence.frame_weights @ evidence.image_vectors)


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
"""To add a method, write a function and add it here."""

_NEEDS_VECTORS = frozenset({"mbr_vectors", "consensus", "combined"})
