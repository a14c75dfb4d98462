"""Words of the text on the screen that look like a word that is asked for: it may be one read slightly wrong.

An index of three letters at a time finds lines that share some of a word's; their words are then compared
with it, letter by letter.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from vidsearch.ngrams import edits
from vidsearch.store.words import words_of

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection

LIKENESS = 0.8
"""What a word that is only like the one asked for counts, next to the word itself."""
_SHORTEST = 4
"""Shorter words are like too many others."""
_LETTERS_PER_SLIP = 6
"""One wrong letter in so many is a slip; a word of four has one, too."""
_MAX_LINES = 256
"""How many lines, those that share most with the word, are compared with it."""
_MAX_WORDS = 16


def words_like(connection: Connection, word: str) -> list[str]:
    """Words on the screen of any video that look like a word, without it, the most alike first."""
    asked = _plain(word)
    if len(asked) < _SHORTEST or not asked.isalnum():
        return []
    spaced = f" {asked} "
    trigrams = list(dict.fromkeys(spaced[start : start + 3] for start in range(len(asked))))
    at_most = max(1, len(asked) // _LETTERS_PER_SLIP)
    found: dict[str, int] = {}
    for text in connection.lines_like(asked, trigrams, num_lines=_MAX_LINES):
        for each in words_of(text):
            plain = _plain(each)
            if plain != asked and each not in found:
                found[each] = edits(asked, plain, at_most=at_most)
    alike = [each for each in found if found[each] <= at_most]
    return sorted(alike, key=lambda each: (found[each], each))[:_MAX_WORDS]


def _plain(word: str) -> str:
    """A word in small letters without accents, as the index of words has it."""
    split = unicodedata.normalize("NFD", word.casefold())
    return "".join(character for character in split if not unicodedata.combining(character))
