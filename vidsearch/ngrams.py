"""Runs of words, counted: what sentences are compared by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

Word = TypeVar("Word", str, int)


def count_ngrams(words: Sequence[Word], longest: int) -> list[Counter[tuple[Word, ...]]]:
    """How often each run of words occurs: first those of one word, then of two, and so on to `longest`."""
    return [
        Counter(tuple(words[i : i + length]) for i in range(len(words) - length + 1))
        for length in range(1, longest + 1)
    ]
