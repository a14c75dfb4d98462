"""Names of concepts, and finding them in texts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vidsearch.concepts.names import Names, checked_name, folded, without_marks
from vidsearch.errors import ConceptNotFound, QueryError
from vidsearch.store.concept_rows import Concept

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def concept(number: int, name: str, words: str | None = None) -> Concept:
    return Concept(number, name, folded(name), words, 1, NOW, NOW, 1, 0)


NAMES = Names(
    [concept(1, "Minka", "a grey cat"), concept(2, "press"), concept(3, "our press"), concept(4, "Łódź")]
)


@pytest.mark.parametrize(
    ("text", "found", "rest"),
    [
        ("Minka on the sofa", ["Minka"], "on the sofa"),
        ("a lazy mINKA", ["Minka"], "a lazy"),
        ("minkas and Minka-Lou2", ["Minka"], "minkas and -Lou2"),  # a part of a word is no name
        ("our  press, door open", ["our press"], "door open"),  # the longer of two names
        ("press and our press", ["press", "our press"], "and"),
        ("Minka's bowl", ["Minka"], "bowl"),
        ('what says "Minka"', [], "what says Minka"),  # words in quotes are looked for in tracks
        ("concept:Minka asleep", ["Minka"], "asleep"),
        ('concept:"our press" at night', ["our press"], "at night"),
        ("a tram in Ło\u0301dz\u0301", ["Łódź"], "a tram in"),  # accents composed and not
        ("Minka", ["Minka"], ""),
        ("a dog", [], "a dog"),
    ],
)
def test_names_are_found_as_whole_words(text, found, rest):
    split = NAMES.split(text)

    assert [each.name for each in split.concepts] == found
    assert split.words() == rest


def test_words_take_the_place_of_a_name():
    split = NAMES.split("Minka on the sofa")

    assert split.words([(split.concepts[0], "a grey cat")]) == "a grey cat on the sofa"
    assert not split.is_one_concept
    assert NAMES.split(" Minka! ").is_one_concept


def test_a_mark_before_no_name_says_what_is_near():
    with pytest.raises(ConceptNotFound, match=r"There is no concept 'Minkka'. Did you mean Minka\?"):
        NAMES.split("concept:Minkka on the sofa")
    with pytest.raises(ConceptNotFound, match="was taught none"):
        Names([]).split("concept:Minka")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "needs a letter"),
        ("!?", "needs a letter"),
        ("the", "nearly every sentence"),
        ("a:b", "cannot hold ':'"),
        ("cat@5", "cannot hold '@'"),
        ("x" * 81, "too long"),
    ],
)
def test_what_cannot_be_a_name(name, why):
    with pytest.raises(QueryError, match=why):
        checked_name(name)


def test_names_are_kept_clean():
    assert checked_name("  concept:our\n press ") == "our press"
    assert without_marks("concept:Minka on the sofa") == "Minka on the sofa"
