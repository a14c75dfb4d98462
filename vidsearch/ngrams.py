"""Runs of words, counted, and letters, compared: what sentences and words are compared by."""

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


def edits(one: str, other: str, *, at_most: int) -> int:
    """The least number of letters to change, add or leave out to make one text of another; more than
    `at_most` where it is more."""
    if abs(len(one) - len(other)) > at_most:
        return at_most + 1
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, row = row, [number]
        for place, against in enumerate(other, start=1):
            row.append(min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != against)))
        if min(row) > at_most:
            return at_most + 1
    return row[-1]
