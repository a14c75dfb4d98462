"""How good a caption is by a photograph's human ones: CIDEr-D and BLEU-4, of words by number.

Vedantam et al., CIDEr, CVPR 2015; Papineni et al., BLEU, ACL 2002.
"""

import collections
import functools
import math
import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from training.mini.captioner import ended
from vidsearch.models.mini.beam import END
from vidsearch.ngrams import count_ngrams

_ORDERS = 4
_SIGMA = 6.0
NGram = tuple[int, ...]


def _counts(words: Sequence[int]) -> collections.Counter[NGram]:
    return functools.reduce(operator.or_, count_ngrams(words, _ORDERS))


class Reward:
    """CIDEr-D plus weighted BLEU-4 of word numbers; document frequencies from the references given.

    For CIDEr-D the end counts as a word, so that captions end well.
    """

    def __init__(self, references: Sequence[Sequence[Sequence[int]]], *, bleu_weight: float) -> None:
        self._bleu_weight = bleu_weight
        counts = [[_counts(reference) for reference in group] for group in references]
        frequency: collections.Counter[NGram] = collections.Counter()
        for group in counts:
            frequency.update({gram for one in group for gram in one})
        self._log_num = math.log(len(references))
        self._frequency = {gram: math.log(count) for gram, count in frequency.items()}
        self._references = [
            [
                (self._vector(one), self._norms(self._vector(one)), len(words))
                for one, words in zip(group, raw, strict=True)
            ]
            for group, raw in zip(counts, references, strict=True)
        ]
        # The most often that any reference of a photograph has an n-gram.
        self._most = [functools.reduce(operator.or_, group) for group in counts]

    def _vector(self, counts: collections.Counter[NGram]) -> dict[NGram, float]:
        return {
            gram: count * (self._log_num - self._frequency.get(gram, 0.0)) for gram, count in counts.items()
        }

    @staticmethod
    def _norms(vector: dict[NGram, float]) -> list[float]:
        sums = [1e-12] * (_ORDERS + 1)
        for gram, value in vector.items():
            sums[len(gram)] += value * value
        return [math.sqrt(total) for total in sums]

    def score(self, photo: int, words: Sequence[int]) -> float:
        """The reward of one caption of photograph number `photo`."""
        return self.cider(photo, words) + self._bleu_weight * self.bleu(photo, words)

    def bleu(self, photo: int, words: Sequence[int]) -> float:
        """BLEU-4, 0 to 1, of one caption, one added to the counts of pairs and longer (Lin and Och, 2004)."""
        most, total = self._most[photo], 0.0
        said = [word for word in words if word != END]
        if not said:
            return 0.0
        found = [0] * (_ORDERS + 1)
        for gram, count in _counts(said).items():
            found[len(gram)] += min(count, most[gram])
        for n in range(1, _ORDERS + 1):
            extra = int(n > 1)
            total += math.log(max(found[n] + extra, 1e-9) / max(len(said) - n + 1 + extra, 1)) / _ORDERS
        closest = min((abs(length - 1 - len(said)), length - 1) for _, _, length in self._references[photo])[
            1
        ]
        return math.exp(total + min(0.0, 1 - closest / len(said)))

    def cider(self, photo: int, words: Sequence[int]) -> float:
        """CIDEr-D, 0 to 10, of one caption against the references of photograph number `photo`."""
        vector = self._vector(_counts(words))
        norms = self._norms(vector)
        total = 0.0
        for reference, reference_norms, length in self._references[photo]:
            products = [0.0] * (_ORDERS + 1)
            for gram, value in vector.items():
                other = reference.get(gram)
                if other is not None:
                    products[len(gram)] += min(value, other) * other
            similarity = (
                sum(products[n] / (norms[n] * reference_norms[n]) for n in range(1, _ORDERS + 1)) / _ORDERS
            )
            total += similarity * math.exp(-((len(words) - length) ** 2) / (2 * _SIGMA**2))
        return 10 * total / len(self._references[photo])


def consensus(tokens: Tensor, photos: npt.NDArray[np.int64], *, most: float) -> npt.NDArray[np.float32]:
    """How much each human caption counts in training: its CIDEr-D by the photograph's other captions.

    Divided by the photograph's mean, at most `most`. tokens (n, captions, t); float32 (n, captions), 1
    for those that are not among `photos`. A caption that nobody else would have written teaches little that
    holds for other photographs (Phan et al., Consensus-based Sequence Training for Video Captioning, 2017).
    """
    references = [[ended(row[1:]) for row in tokens[i].tolist()] for i in photos]
    reward = Reward(references, bleu_weight=0.0)
    weights = np.ones(tokens.shape[:2], np.float32)
    for place, (i, group) in enumerate(zip(photos, references, strict=True)):
        # Of itself a caption has 10.
        others = np.array([reward.cider(place, one) * len(group) - 10 for one in group]).clip(min=0.0)
        weights[i] = np.minimum(others / max(others.mean(), 1e-3), most)
    return weights
