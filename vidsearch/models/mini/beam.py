"""Beam search over the captioner's decoder, in NumPy. Knows the decoder by one function and words
by number."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vidsearch.types import Float32

PAD, START, END, UNKNOWN = 0, 1, 2, 3
MAX_WORDS = 18
"""The longest sentence that the decoder was trained on."""
_NEVER = -1e9
_BLOCK = 64

# step(token (n * k,), rows (n * k,) or None) -> log-probabilities (n * k, vocabulary). `rows` says which row
# of the step before each row goes on from. An image's k rows stay together: one in the first step, since all
# its sentences begin alike, and none once it is finished.
Step = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64] | None], "Float32"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished caption: words by number without start and end, and the log-probability of each
    word."""

    words: tuple[int, ...]
    logprobs: tuple[float, ...]
    score: float
    """Mean log-probability, the end's included, with a length penalty."""


def forbidden(words: Sequence[int], function_words: frozenset[int]) -> set[int]:
    """Words that would make a caption repeat itself.

    A content word is said once; no word follows itself; no pair of words comes twice.
    """
    banned = {word for word in words if word not in function_words}
    if words:
        last = words[-1]
        banned.add(last)
        banned.update(after for before, after in itertools.pairwise(words) if before == last)
    return banned


def largest(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.intp]:
    """Where the largest of many values are, largest first, equal ones in order.

    The largest of each 64 tell from which value on to look: a tenth of the time of partitioning all.
    """
    blocks = len(values) // _BLOCK
    if blocks < count:
        likely = np.arange(len(values))
    else:
        peaks = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        least = np.partition(peaks, blocks - count)[blocks - count]
        likely = np.flatnonzero(values >= least)
    return likely[np.argsort(-values[likely], kind="stable")[:count]]


def beam_search(
    step: Step, num_images: int, *, function_words: frozenset[int], unfinished_ends: frozenset[int],
    banned: npt.NDArray[np.bool_] | None = None, width: int = 4, max_words: int = MAX_WORDS,
    min_words: int = 5, length_power: float = 0.8,
) -> list[list[Hypothesis]]:  # fmt: skip
    """The best captions of each image, best first, `width` of them or fewer.

    A caption never ends on one of `unfinished_ends` ("a", "of"), and holds none of its image's `banned` words
    (num_images, vocabulary). Images share no state: an image's captions do not depend on its neighbours.
    """
    images = np.arange(num_images)  # those that are not finished
    words: list[list[int]] = [[] for _ in images]
    logprobs: list[list[float]] = [[] for _ in images]
    totals = np.zeros((num_images, 1))
    finished: list[list[Hypothesis]] = [[] for _ in range(num_images)]
    token = np.full(num_images, START, np.int64)
    parents: npt.NDArray[np.int64] | None = None
    for position in range(max_words + 1):
        scores = step(token, parents).astype(np.float64)
        beams = totals.shape[1]
        scores[:, [PAD, START, UNKNOWN]] = _NEVER
        if banned is not None:
            np.copyto(scores.reshape(len(images), beams, -1), _NEVER, where=banned[images, None])
        for row in range(len(words)):
            scores[row, list(forbidden(words[row], function_words))] = _NEVER
            if position < min_words or (words[row] and words[row][-1] in unfinished_ends):
                scores[row, END] = _NEVER
        vocabulary = scores.shape[1]
        parents = np.repeat(np.arange(len(images)) * beams, width).astype(np.int64)
        next_words: list[list[int]] = [[] for _ in parents]
        next_logprobs: list[list[float]] = [[] for _ in parents]
        next_totals = np.full((len(images), width), _NEVER)
        is_open = np.ones(len(images), bool)
        for place, image in enumerate(images.tolist()):
            first, next_first = place * beams, place * width
            candidates = (totals[place][:, None] + scores[first : first + beams]).ravel()
            kept = 0
            for flat in largest(candidates, 2 * width):
                if candidates[flat] <= _NEVER / 2 or kept == width:
                    break
                beam, word = divmod(int(flat), vocabulary)
                row = first + beam
                logprob = float(scores[row, word])
                if word == END:
                    score = float(candidates[flat]) / (len(words[row]) + 1) ** length_power
                    finished[image].append(Hypothesis(tuple(words[row]), tuple(logprobs[row]), score))
                elif position < max_words:
                    target = next_first + kept
                    parents[target] = row
                    next_words[target] = [*words[row], word]
                    next_logprobs[target] = [*logprobs[row], logprob]
                    next_totals[place, kept] = candidates[flat]
                    kept += 1
            enough = len(finished[image]) >= width
            if enough:
                worst = sorted((h.score for h in finished[image]), reverse=True)[width - 1]
                enough = kept == 0 or next_totals[place].max() / (position + 2) ** length_power < worst
            if enough or kept == 0:
                is_open[place] = False
        if not is_open.any():
            break
        images, totals, going_on = images[is_open], next_totals[is_open], np.repeat(is_open, width)
        parents = parents[going_on]
        words = list(itertools.compress(next_words, going_on))
        logprobs = list(itertools.compress(next_logprobs, going_on))
        token = np.array([row[-1] if row else PAD for row in words], np.int64)
    return [sorted(found, key=lambda h: -h.score)[:width] for found in finished]
