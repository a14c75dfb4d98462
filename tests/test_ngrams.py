"""Runs of words are counted by their length."""

from vidsearch.ngrams import count_ngrams


def test_runs_are_counted_by_length():
    ones, twos, threes = count_ngrams(["a", "dog", "and", "a", "dog"], 3)
    assert ones == {("a",): 2, ("dog",): 2, ("and",): 1}
    assert twos == {("a", "dog"): 2, ("dog", "and"): 1, ("and", "a"): 1}
    assert threes == {("a", "dog", "and"): 1, ("dog", "and", "a"): 1, ("and", "a", "dog"): 1}


def test_a_sentence_has_no_longer_runs_than_itself():
    assert count_ngrams([7], 2) == [{(7,): 1}, {}]
