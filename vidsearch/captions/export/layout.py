"""Splits texts into readable subtitle cues: up to two lines of up to 42 characters, for 1 to 7 seconds.

The limits are those of Netflix's style guide, which most broadcasters' resemble. Words are never changed:
long texts become several cues, which break after sentences or clauses if possible.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vidsearch.captions.export.document import CaptionSpan
from vidsearch.text import one_line

MAX_LINE_CHARACTERS = 42
MAX_LINES = 2
MIN_SECONDS = 1.0
MAX_SECONDS = 7.0

_SENTENCE_ENDS = tuple(".?!…。？！")
_CLAUSE_ENDS = tuple(",;:–—，、；：")
_CLOSING = "\"'”’»)]）」』"
_NEVER_FIRST = frozenset(_CLOSING) | frozenset("".join((*_SENTENCE_ENDS, *_CLAUSE_ENDS)))
_CLAUSE_STARTS = {
    "after", "although", "and", "because", "before", "but", "for", "from", "if", "into", "nor",
    "or", "since", "so", "that", "though", "unless", "until", "when", "where", "which", "while",
    "who", "with", "without", "yet",
}  # fmt: skip
_BEFORE_A_NOUN = {
    "a", "an", "at", "by", "her", "his", "in", "its", "my", "of", "on", "our", "the", "their",
    "these", "this", "those", "to", "your",
}  # fmt: skip

_COST_OF_CUE = 6.0
_COST_OF_LINE = 1.0
_COSTS = {"sentence": 0.0, "clause": 1.0, "start": 2.0, "word": 4.0, "bound": 8.0}
"""The cost of a break after a sentence, after a clause, before a word that starts one, elsewhere, and within
a phrase."""
_WEIGHT_OF_CUE_BREAK = 5.0
_WEIGHT_OF_IMBALANCE = 3.0


def laid_out(spans: Iterable[CaptionSpan]) -> list[CaptionSpan]:
    """Split spans into readable cues, by start. Lines of a cue are separated by line feeds.

    A span that becomes several cues is split at the times of its words, if they are known. Cues do not
    overlap, and last from MIN_SECONDS to MAX_SECONDS. If speech is too fast for that, short cues are joined,
    or delayed until the previous one ends.
    """
    ordered = sorted(spans, key=lambda span: (span.start_seconds, span.end_seconds))
    cues = [cue for span in ordered for cue in _in_cues(span)]
    return _in_time(cues)


def lines_of(text: str) -> list[list[str]]:
    """Split a text into cues of one or two lines, at the breaks that are least disturbing.

    Minimizes the total cost by dynamic programming from the end. Breaks have a cost that depends on the words
    around them, and is higher between cues than between lines. Each cue, and uneven lines, have a cost, too.
    """
    plain = one_line(text)
    if _width(plain) <= MAX_LINE_CHARACTERS:
        return [[plain]] if plain else []
    tokens = list(_tokens(plain))
    ends = [0]
    for token in tokens:
        ends.append(ends[-1] + token.width)

    def width(start: int, end: int) -> int:
        return ends[end] - ends[start] - int(tokens[start].has_space)

    breaks = [*(_break_cost(*pair) for pair in pairwise(tokens)), 0.0]
    num = len(tokens)
    costs = [0.0] * (num + 1)
    choices: list[tuple[int, ...]] = [()] * num
    for start in range(num - 1, -1, -1):
        best = math.inf
        for end in range(start + 1, num + 1):
            if width(start, end) > MAX_LINES * MAX_LINE_CHARACTERS + 1:
                break
            after = costs[end] + _COST_OF_CUE + (_WEIGHT_OF_CUE_BREAK * breaks[end - 1] if end < num else 0.0)
            if after < best and width(start, end) <= MAX_LINE_CHARACTERS:
                best, choices[start] = after, (end,)
            for middle in range(start + 1, end):
                first, second = width(start, middle), width(middle, end)
                if first > MAX_LINE_CHARACTERS or second > MAX_LINE_CHARACTERS:
                    continue
                uneven = ((first - second) / MAX_LINE_CHARACTERS) ** 2
                cost = after + _COST_OF_LINE + breaks[middle - 1] + _WEIGHT_OF_IMBALANCE * uneven
                if cost < best:
                    best, choices[start] = cost, (middle, end)
        costs[start] = best
    cues: list[list[str]] = []
    start = 0
    while start < num:
        lines = []
        for end in choices[start]:
            lines.append("".join(map(str, tokens[start:end])).strip())
            start = end
        cues.append(lines)
    return cues


@dataclass(frozen=True, slots=True)
class _Token:
    """An unbreakable unit: a word, or a character of a script without spaces."""

    text: str
    has_space: bool
    """Whether a space precedes it."""

    @property
    def width(self) -> int:
        return _width(self.text) + int(self.has_space)

    def __str__(self) -> str:
        return f" {self.text}" if self.has_space else self.text


def _tokens(text: str) -> Iterator[_Token]:
    for word in text.split(" "):
        if _width(word) == len(word) <= MAX_LINE_CHARACTERS:
            yield _Token(word, True)
            continue
        piece, has_space = "", True
        for char in word:
            is_wide = _width(char) == 2
            if piece and (is_wide or _width(piece[-1]) == 2 or len(piece) == MAX_LINE_CHARACTERS):
                yield _Token(piece, has_space)
                piece, has_space = "", False
            piece += char
        yield _Token(piece, has_space)


def _break_cost(before: _Token, after: _Token) -> float:
    """The cost of a break between two tokens: zero after a sentence, high after an article."""
    word = before.text.rstrip(_CLOSING)
    following = after.text.lower().strip(_CLOSING)
    if after.text[0] in _NEVER_FIRST:
        return _COSTS["bound"]
    if word.endswith(_SENTENCE_ENDS):
        return _COSTS["sentence"]
    if word.endswith(_CLAUSE_ENDS):
        return _COSTS["clause"]
    if word.lower() in _BEFORE_A_NOUN:
        return _COSTS["bound"]
    return _COSTS["start"] if following in _CLAUSE_STARTS else _COSTS["word"]


def _width(text: str) -> int:
    """The width of a text in columns: two for East Asian wide characters, one for others."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _in_cues(span: CaptionSpan) -> Iterator[CaptionSpan]:
    """Split a span into cues, with the times of their words, or a share of the span's time."""
    words = _timed(span)
    done = 0
    for lines in lines_of(span.text):
        count = _num_letters("".join(lines))
        start, end = _at(words, done, is_end=False), _at(words, done + count, is_end=True)
        done += count
        yield CaptionSpan(round(start, 3), round(end, 3), "\n".join(lines))


def _timed(span: CaptionSpan) -> Sequence[tuple[float, float, int]]:
    """Start, end and number of letters of each word; of the whole text if times are not known."""
    words = [(start, end, _num_letters(word)) for start, end, word in span.words if _num_letters(word)]
    total = _num_letters(span.text)
    if sum(count for _, _, count in words) != total:
        words = [(span.start_seconds, max(span.start_seconds, span.end_seconds), total)]
    return words


def _at(words: Sequence[tuple[float, float, int]], letters: int, *, is_end: bool) -> float:
    """When a number of letters has been said: the end of the last letter, or the start of the next."""
    for start, end, count in words:
        if letters < count or (is_end and letters == count):
            return start + (end - start) * letters / count
        letters -= count
    return words[-1][1]


def _num_letters(text: str) -> int:
    return sum(not char.isspace() for char in text)


def _in_time(cues: Sequence[CaptionSpan]) -> list[CaptionSpan]:
    """Move and join cues until each lasts long enough and none overlaps the next."""
    placed: list[CaptionSpan] = []
    for cue in cues:
        if placed and cue.start_seconds < placed[-1].start_seconds + MIN_SECONDS:
            joined = _joined(placed[-1], cue)
            if joined is not None:
                placed[-1] = joined
                continue
        start = max(0.0, cue.start_seconds)
        if placed:
            start = max(start, placed[-1].start_seconds + MIN_SECONDS)
            before = placed[-1]
            placed[-1] = CaptionSpan(before.start_seconds, min(before.end_seconds, start), before.text)
        end = min(max(cue.end_seconds, start + MIN_SECONDS), start + MAX_SECONDS)
        placed.append(CaptionSpan(start, end, cue.text))
    return placed


def _joined(before: CaptionSpan, after: CaptionSpan) -> CaptionSpan | None:
    """Join two cues of one line each; None if one has more."""
    if "\n" in before.text or "\n" in after.text:
        return None
    end = min(max(before.end_seconds, after.end_seconds), before.start_seconds + MAX_SECONDS)
    return CaptionSpan(before.start_seconds, end, f"{before.text}\n{after.text}")
