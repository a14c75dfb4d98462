"""Parses a query's text into parts: `a whiteboard said:"any questions" text:agenda`.

    words             searched in all kinds of evidence
    "words"           likewise, but must occur exactly where words are looked up
    said:...          in what is said: speech, subtitles
    shows:...         in pictures, and in what captions say of them
    text:...          in text on the screen
    captions:... and so on for every kind of evidence by its name

After the colon comes a word, an exact phrase in quotes, or several words in parentheses: `said:(any
questions)`. A colon followed by a space is punctuation.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from vidsearch.errors import QueryError
from vidsearch.search.kinds import KINDS, PICTURES

SAID, SHOWS = "said", "shows"
CONCEPT = "concept"
"""The prefix of a taught name; see `vidsearch.concepts.names`."""
PREFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        SAID: ("speech", "subtitles"),
        SHOWS: (PICTURES, "moving", "captions", "corrections"),
        **{kind: (kind,) for kind in KINDS if kind != "captions"},
        "captions": ("captions", "corrections"),
    }
)
"""The kinds of evidence that a prefix selects."""

_PIECE = re.compile(
    r"""
    (?P<prefix>(?<!\S)[^\W\d_]+):              # said:
        (?: "(?P<exact>[^"]*)(?P<quote>"?)(?P<star>\*?)
          | \((?P<several>[^()]*)(?P<bracket>\)?)
          | (?P<word>[^\s"()]\S*) )
    | "[^"]*"?\*?                              # "any questions"
    | \S+
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """Words, and the kinds of evidence to search them in."""

    words: str
    """With quotes around exact phrases."""
    kinds: tuple[str, ...] | None = None
    """None for all kinds that the query searches."""
    prefix: str = ""
    """The prefix as written: "said"."""

    @property
    def seen(self) -> str:
        """The words without quotes, as models read them."""
        return " ".join(self.words.replace('"', " ").split()) or self.words


@lru_cache(maxsize=256)
def parts_of(text: str) -> tuple[Part, ...]:
    """Split a query's text into parts: first all text without a prefix, then the others in order.

    Raises QueryError for empty quotes, and for an unknown prefix before quotes or parentheses.
    """
    plain: list[str] = []
    parts: list[Part] = []
    for piece in _pieces(text):
        if isinstance(piece, Part):
            parts.append(piece)
        else:
            plain.append(piece)
    return ((Part(" ".join(plain)), *parts)) if plain else tuple(parts)


def _pieces(text: str) -> Iterator[str | Part]:
    for match in _PIECE.finditer(text):
        prefix = (match["prefix"] or "").lower()
        if prefix in PREFIXES:
            yield Part(_words(match, prefix), PREFIXES[prefix], prefix)
            continue
        if prefix != CONCEPT and (match["exact"] is not None or match["several"] is not None):
            _refuse(match["prefix"])
        yield match[0]


def _words(match: re.Match[str], prefix: str) -> str:
    if (match["exact"] is not None and not match["quote"]) or (
        match["several"] is not None and not match["bracket"]
    ):
        closing = '"' if match["exact"] is not None else ")"
        raise QueryError(f"{match[0][:60]!r} has no closing {closing}.")
    several = re.sub(r":(?=\S)", ": ", match["several"] or match["word"] or "")
    words = several if match["exact"] is None else f'"{match["exact"]}"{match["star"]}'
    if not any(character.isalnum() for character in words):
        raise QueryError(
            f"Nothing to look for follows {prefix}: in the query. Write {prefix}:word, "
            f'{prefix}:"exact words" or {prefix}:(several words).'
        )
    return words.strip()


def _refuse(prefix: str) -> None:
    """Refuse an unknown prefix before quotes or parentheses."""
    near = difflib.get_close_matches(prefix.lower(), PREFIXES, n=1)
    hint = f"Did you mean {near[0]}:? " if near else ""
    known = ", ".join(f"{name}:" for name in PREFIXES)
    raise QueryError(
        f"Unknown prefix {prefix}: in the query. {hint}Prefixes are {known}. "
        "Put a space after the colon to look for the word itself."
    )
