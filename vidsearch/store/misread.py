"""Finds words in the text on the screen that resemble a query's word, as OCR may have misread it.

The trigram index finds lines that share trigrams with the word; their words are then compared with it letter
by letter.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from vidsearch.ngrams import edits
from vidsearch.store.words import words_of

if TYPE_CHECKING:
    from vidsearch.store.connection import Connection

LIKENESS = 0.8
"""The weight of a word that only resembles the query's, relative to the word itself."""
_SHORTEST = 4
"""Shorter words resemble too many others."""
_LETTERS_PER_SLIP = 6
"""One wrong letter is allowed in this many letters, and one in words of four or five."""
_MAX_LINES = 256
"""The number of lines, those with the most common trigrams, whose words are compared."""
_MAX_WORDS = 16


def words_like(connection: Connection, word: str) -> list[str]:
    """Return words on the screen of any video that resemble a word, most similar first, without itself."""
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
    """A word in lower case without accents, as in the full-text index."""
    split = unicodedata.normalize("NFD", word.casefold())
    return "".join(character for character in split if not unicodedata.combining(character))
