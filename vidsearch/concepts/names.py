"""Names of concepts, and finding them in what people ask.

A name is found as a whole word or run of words, in any letter case; of two that overlap, the longer one
counts. `concept:Minka` says that a concept is meant, `concept:"our press"` likewise. Words in quotes, as in
`"Minka"`, are looked for in what is said and written, and name none.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidsearch.errors import ConceptNotFound, QueryError
from vidsearch.store.words import is_telling
from vidsearch.text import either, one_line

if TYPE_CHECKING:
    from vidsearch.store.concept_rows import Concept

MAX_NAME_CHARACTERS = 80
MARK = "concept:"
_FORBIDDEN = re.compile(r'[":@#*,]')
_LEFT_OVER = re.compile(r"(?<!\w)['’]s\b|^[\s.,;:!?'’-]+|[\s,;:'’-]+$")
"""What a name leaves behind that means nothing without it."""


@dataclass(frozen=True, slots=True)
class SplitText:
    """A text, parted into the concepts that it names and the words around them."""

    concepts: tuple[Concept, ...]
    """Each once, in the order of the text."""
    pieces: tuple[str | Concept, ...]
    """The text in order: words as they stand, and concepts in the places of their names."""

    def words(self, instead: Iterable[tuple[Concept, str]] = ()) -> str:
        """The words around the names, with other words in the places of some concepts, without quotes."""
        said = {concept.id: words for concept, words in instead}
        parts = [piece if isinstance(piece, str) else said.get(piece.id, " ") for piece in self.pieces]
        text, before = " ".join("".join(parts).replace('"', " ").split()), ""
        while text != before:
            text, before = " ".join(_LEFT_OVER.sub(" ", text).split()), text
        return text

    @property
    def is_one_concept(self) -> bool:
        """Whether it is one name and nothing else."""
        return len(self.concepts) == 1 and not self.words()


def folded(name: str) -> str:
    """A name as it is looked for: without regard to letter case and to how accents are composed."""
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()


def checked_name(name: str) -> str:
    """A name as it is kept. Raises QueryError for one that no query could hold."""
    clean = one_line(unicodedata.normalize("NFC", name))
    clean = clean.removeprefix(MARK).strip()
    if not any(character.isalnum() for character in clean):
        raise QueryError(f"{name!r} is no name: it needs a letter or a digit.")
    if len(clean) > MAX_NAME_CHARACTERS:
        raise QueryError(
            f"{clean[:40]!r}... is too long a name: give up to {MAX_NAME_CHARACTERS} characters."
        )
    if (found := _FORBIDDEN.search(clean)) is not None:
        raise QueryError(f"A name cannot hold {found[0]!r}, which means something in queries: {clean!r}.")
    if not is_telling(clean):
        raise QueryError(f"{clean!r} is in nearly every sentence, and cannot be a name. Choose another one.")
    return clean


class Names:
    """The names of a library's concepts."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        self._by_name = {concept.folded_name: concept for concept in concepts}
        longest_first = sorted(self._by_name, key=lambda name: (-len(name), name))
        name = "|".join(re.escape(each) for each in longest_first) or r"(?!)"
        self._pattern = re.compile(
            rf'(?<!\w){MARK}\s*(?:"(?P<quoted>[^"]*)"|(?P<marked>{name})(?!\w)|(?P<unknown>[^\s"]*))'
            rf'|"[^"]*"|(?<!\w)(?P<plain>{name})(?!\w)',
            re.IGNORECASE,
        )

    def named(self, name: str) -> Concept:
        """The concept of a name, with or without `concept:`.

        Raises ConceptNotFound; the message has names that are near.
        """
        wanted = folded(name.strip().removeprefix(MARK).strip().strip('"'))
        if wanted in self._by_name:
            return self._by_name[wanted]
        if not self._by_name:
            raise ConceptNotFound(
                f"There is no concept {name!r}: this library was taught none. Teach one: "
                "vidsearch teach NAME --from VIDEO@TIME"
            )
        near = difflib.get_close_matches(wanted, self._by_name, n=3, cutoff=0.5)
        shown = either([self._by_name[each].name for each in near]) if near else ""
        hint = f" Did you mean {shown}?" if near else " `vidsearch concepts list` shows them all."
        raise ConceptNotFound(f"There is no concept {name!r}.{hint}")

    def split(self, text: str) -> SplitText:
        """Part a text into concepts and words. Raises ConceptNotFound after `concept:`."""
        if not self._by_name and MARK not in text.casefold():
            return SplitText((), (text,))
        text = unicodedata.normalize("NFC", " ".join(text.split()))
        pieces: list[str | Concept] = []
        at = 0
        for found in self._pattern.finditer(text):
            names = [found[group] for group in ("quoted", "marked", "unknown", "plain")]
            name = next((each for each in names if each is not None), None)
            if name is None:
                continue  # words in quotes
            pieces += [text[at : found.start()], self.named(name)]
            at = found.end()
        pieces.append(text[at:])
        concepts = [piece for piece in pieces if not isinstance(piece, str)]
        return SplitText(tuple(dict.fromkeys(concepts)), tuple(piece for piece in pieces if piece != ""))


def without_marks(text: str) -> str:
    """A text without `concept:`, as words of tracks are looked up."""
    return re.sub(rf"(?<!\w){MARK}\s*", "", text, flags=re.IGNORECASE) if ":" in text else text
