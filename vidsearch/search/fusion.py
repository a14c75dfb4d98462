"""Several rankings of the same things, made one. Knows nothing of what is ranked."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

RANK_CONSTANT = 60
"""The k of the paper; it damps how much the very first ranks outweigh those after them."""

Item = TypeVar("Item", bound=Hashable)


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[Item]], *, constant: int = RANK_CONSTANT
) -> dict[Item, float]:
    """Score each item with the sum of 1 / (constant + its rank) over the rankings that name it.

    Ranks start at 1; an item that a ranking leaves out gets nothing from it. Returns items by falling score,
    ties in the order of their first mention.
    Cormack, Clarke, Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods", SIGIR 2009.
    """
    scores: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (constant + rank)
    return dict(sorted(scores.items(), key=lambda pair: -pair[1]))
