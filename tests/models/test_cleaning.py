"""Captions lose their stutter and their loose ends, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.models.cleaning import clean


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("a a dog", "a dog"),
        ("a dog with with a", "a dog"),
        ("a dog is is running through through the the grass", "a dog is running through the grass"),
        ("the dog in the dog in the dog", "the dog in the dog"),
        (
            "a group of people standing in front of a group of people standing in front of a building",
            "a group of people standing in front of a building",
        ),
        ("a boy in a blue and yellow and blue and", "a boy in a blue and yellow"),
        ("a man and a woman and a man", "a man and a woman"),
        ("two men and two men", "two men"),
    ],
)
def test_what_was_just_said_is_not_said_again(raw, cleaned):
    assert clean(raw) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "a boy and a boy are playing",
        "a man in a red shirt and a man in a blue shirt",
        "two men talk at a table",
        "a man with a hat on",
        "up and down",
        "a dog, a cat and a bird",
    ],
)
def test_a_whole_caption_stays_as_it_is(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("a man standing on", "a man standing"),
        ("a cup of coffee on a table with a", "a cup of coffee on a table"),
        ("and the of", ""),
        ("a dog and -", "a dog"),
        ("", ""),
    ],
)
def test_a_caption_that_broke_off_ends_with_its_last_full_word(raw, cleaned):
    assert clean(raw) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  A Dog \t runs .\n", "a dog runs"),
        ("a man ' s hat", "a man's hat"),
        ("a man in a black - and - white shirt", "a man in a black-and-white shirt"),
        ("there is a cat , and a dog", "there is a cat, and a dog"),
        ("arafed dog on the grass", "a dog on the grass"),
        ("a\x00dog\x1b[31m", "a dog [31m"),
    ],
)
def test_spacing_case_and_artefacts(raw, cleaned):
    assert clean(raw) == cleaned


_WORDS = ["a", "the", "and", "with", "on", "is", "dog", "cat", "blue", "yellow", ",", ".", "-", "'", "s"]
_CAPTION_LIKE = st.lists(st.sampled_from(_WORDS), max_size=24).map(" ".join)


@given(st.one_of(st.text(max_size=60), _CAPTION_LIKE))
def test_cleaning_twice_changes_nothing_more(text):
    once = clean(text)
    assert clean(once) == once
    assert "\n" not in once
    assert once == once.strip()
